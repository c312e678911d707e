"""Reads an export of the log by other people's schemas, and says what it read as JSON: `read.py FORMAT FILE`.

CSV and JSON by Python's own readers; OCSF by the published schemas of its versions; FHIR by the models of `fhir.resources`, and by the
profiles of IHE BALP 1.1.3, written out below from their definitions (github.com/IHE/ITI.BasicAudit, input/fsh); syslog by the grammar of
RFC 5424, and CEF by ArcSight's guide.
"""

import csv
import json
import re
import sys


def read_csv(file):
    with open(file, newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, strict=True))
    assert open(file, "rb").read().count(b"\r\n") >= len(rows) + 1
    for row in rows:
        assert None not in row and None not in row.values(), f"as many cells as the header names: {row}"
        row["index"] = int(row["index"])
        row.update({name: json.loads(row[name]) for name in ("covers", "changes", "discloses", "details")})
        row["text"] = dict(row)
        yield row


def read_ndjson(file):
    for event in lines_of(file):
        event = json.loads(event)
        yield {
            "id": event["id"], "index": event["index"], "time": event["time"], "action": event["action"],
            "outcome": event["outcome"], "reason": event.get("reason") or "", "operation": event["operation"],
            "actor_id": event["actor"].get("id") or "", "entity_id": event["entity"]["id"], "ip": event["source"].get("ip") or "",
            "user_agent": event["source"].get("user_agent") or "", "request_id": event["source"]["request_id"],
            "changes": event["changes"], "details": event["details"], "leaf_hash": event["leaf_hash"], "entry": event["entry"],
        }


def read_ocsf(file):
    from jsonschema import Draft202012Validator
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    # What is new in later versions takes nothing away.
    schemas = [OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version)) for version in ("1.4.0", "1.8.0")]
    validators = {}
    for event in lines_of(file):
        event = json.loads(event)
        assert event["metadata"]["version"] == "1.4.0"
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        uid = event["class_uid"]
        if uid not in validators:
            classes = [schema.get_class_schema(schema.lookup_class_name_from_uid(uid)) for schema in schemas]
            validators[uid] = [Draft202012Validator(schema) for schema in classes]
        for validator in validators[uid]:
            faults = [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(event)]
            assert not faults, (faults, event)
        more = event["unmapped"]
        user, request = event["actor"].get("user", {}), event.get("http_request", {})
        yield {
            "id": event["metadata"]["uid"], "index": event["metadata"]["sequence"], "time": event["metadata"]["original_time"],
            "action": event["metadata"]["event_code"], "outcome": event["status"], "reason": event.get("status_detail", ""),
            "operation": more["operation"], "actor_id": user.get("uid", ""), "entity_id": more["entity"]["id"],
            "ip": event["src_endpoint"].get("ip", ""), "user_agent": request.get("user_agent", ""),
            "request_id": request.get("uid", ""), "changes": more["changes"], "details": more["details"],
            "leaf_hash": more["leaf_hash"], "entry": event["raw_data"], "class": uid, "activity": event["activity_id"],
        }


REST = "http://terminology.hl7.org/CodeSystem/audit-event-type#rest"
DCM = "http://dicom.nema.org/resources/ontology/DCM#"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType#"
ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type#"
ROLE = "http://terminology.hl7.org/CodeSystem/object-role#"
REQUEST = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType#XrequestId"
SOURCES = {PARTICIPATION + code for code in ("AUT", "INF", "CST")}
# By verb: action, interactions, types of the client, the server and the user.
BALP = {
    "Create": ("C", {"create"}, DCM + "110153", DCM + "110152", SOURCES),
    "Read": ("R", {"read", "vread"}, DCM + "110152", DCM + "110153", {PARTICIPATION + "IRCP"}),
    "Update": ("U", {"update", "patch"}, DCM + "110153", DCM + "110152", SOURCES),
    "Delete": ("D", {"delete"}, DCM + "110150",
               "http://terminology.hl7.org/CodeSystem/provenance-participant-type#custodian", SOURCES),
}


def code(coding):
    return coding["system"] + "#" + coding["code"]


def check_balp(event, profile):
    name = profile.removeprefix("https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.")
    is_patient = name.startswith("Patient")
    action, interactions, client, server, users = BALP[name.removeprefix("Patient")]
    assert (code(event["type"]), event["action"], event["outcome"]) == (REST, action, "0")
    told = [coding["code"] for coding in event["subtype"] if coding["system"] == "http://hl7.org/fhir/restful-interaction"]
    assert len(told) == 1 and told[0] in interactions
    agents = {code(agent["type"]["coding"][0]): agent for agent in event["agent"]}
    assert len(agents) == len(event["agent"])
    for kind in (client, server):
        agent = agents.pop(kind)
        assert agent["who"] and agent["network"]["address"] and "media" not in agent
    for kind, user in agents.items():
        assert kind in users and user["who"] and user["requestor"] and "network" not in user and "media" not in user
    entities = {}
    for entity in event["entity"]:
        entities.setdefault(code(entity["type"]), []).append(entity)
    [data] = entities[ENTITY + "2"]
    assert data["what"] and code(data["role"]) in {ROLE + role for role in ("4", "3", "20")}
    assert all(request["what"]["identifier"]["value"] for request in entities.get(REQUEST, []))
    if is_patient:
        [patient] = entities[ENTITY + "1"]
        assert code(patient["role"]) == ROLE + "1" and patient["what"]["type"] == "Patient"


def read_fhir(file):
    from fhir.resources.R4B.auditevent import AuditEvent

    for event in lines_of(file):
        AuditEvent.model_validate_json(event)
        event = json.loads(event)
        assert sum(agent["requestor"] for agent in event["agent"]) == 1
        profiles = event.get("meta", {}).get("profile", [])
        for profile in profiles:
            check_balp(event, profile)
        data = next(entity for entity in event["entity"] if code(entity["type"]) == ENTITY + "2")
        request = next((e["what"]["identifier"]["value"] for e in event["entity"] if code(e["type"]) == REQUEST), "")
        detail = {detail["type"]: detail["valueString"] for detail in data["detail"]}
        caller = next(agent for agent in event["agent"] if agent["requestor"])
        urn = lambda what: what.get("identifier", {}).get("value", "").removeprefix("urn:uuid:")
        yield {
            "id": event["id"], "index": int(detail["index"]), "time": event["recorded"],
            "action": next(c["code"] for c in event["subtype"] if c["system"] == "urn:ward:audit-action"),
            "outcome": {"0": "success", "4": "denied"}[event["outcome"]], "reason": event.get("outcomeDesc", ""),
            "operation": detail["operation"], "actor_id": urn(caller["who"]), "entity_id": urn(data["what"]),
            "ip": caller.get("network", {}).get("address", ""), "user_agent": detail.get("user_agent", ""),
            "request_id": request, "changes": json.loads(detail.get("changes", "{}")),
            "details": json.loads(detail.get("details", "{}")), "leaf_hash": detail["leaf_hash"], "profiles": profiles,
        }


NAME = r"[\x21-\x7e]"
PARAM = r'[^\s="\]]{1,32}="(?:[^"\\\]]|\\.)*"'
SYSLOG = re.compile(
    rf"<(\d{{1,3}})>1 (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{{1,6}})?Z) (-|{NAME}{{1,255}}) (-|{NAME}{{1,48}}) (-|{NAME}{{1,128}}) "
    rf'(-|{NAME}{{1,32}}) (-|(?:\[[^\s="\]]{{1,32}}(?: {PARAM})*\])+) (\ufeff?)(.*)', re.DOTALL)


def fields(text):
    """A CEF header: seven fields and what follows them."""
    assert text.startswith("CEF:0|")
    parts, part, rest = [], "", iter(text)
    for letter in rest:
        if letter == "\\":
            escaped = next(rest)
            assert escaped in "\\|", text
            part += escaped
        elif letter == "|":
            parts.append(part)
            part = ""
            if len(parts) == 7:
                return parts, "".join(rest)
        else:
            part += letter
    raise AssertionError(text)


def unescaped(value):
    pairs = {"\\": "\\", "=": "=", "n": "\n", "r": "\r"}
    assert not re.search(r"(?<!\\)(?:\\\\)*=", value), value
    return re.sub(r"\\(.)", lambda match: pairs[match[1]], value)


def read_cef(file):
    for line in lines_of(file):
        priority, time, host, program, process, message_id, data, bom, message = SYSLOG.fullmatch(line).groups()
        assert (int(priority) >> 3, program) == (13, "ward-api")
        assert bool(bom) == (not message.isascii())
        header, rest = fields(message)
        assert header[:3] == ["CEF:0", "Ward", "ward-api"] and header[4] == message_id and 0 <= int(header[6]) <= 10
        starts = list(re.finditer(r"(?:^|(?<= ))([A-Za-z0-9_]+)=", rest))
        ends = [start.start() - 1 for start in starts[1:]] + [len(rest)]
        pairs = {start[1]: unescaped(rest[start.end():end]) for start, end in zip(starts, ends)}
        assert len(pairs) == len(starts) and pairs["WardApiTime"] == time
        yield {
            "id": pairs["externalId"], "index": int(pairs["WardApiIndex"]), "time": time, "action": header[4],
            "outcome": pairs["outcome"], "reason": pairs.get("reason", ""), "operation": pairs["act"],
            "actor_id": pairs.get("suid", ""), "entity_id": pairs["WardApiEntityId"], "ip": pairs.get("src", pairs.get("c6a2", "")),
            "user_agent": pairs.get("requestClientApplication", ""), "request_id": pairs.get("WardApiRequestId", ""),
            "changes": json.loads(pairs["WardApiChanges"]), "details": json.loads(pairs["WardApiDetails"]),
            "leaf_hash": pairs["WardApiLeafHash"],
        }


def lines_of(file):
    """Lines end in a line feed and hold nothing else that Python takes for the end of one."""
    text = open(file, newline="", encoding="utf-8").read()
    assert text.endswith("\n") or not text
    lines = text.split("\n")[:-1]
    return lines


if __name__ == "__main__":
    print(json.dumps(list(globals()["read_" + sys.argv[1]](sys.argv[2]))))
