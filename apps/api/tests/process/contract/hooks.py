"""What schemathesis can't read in the document: values that are good by their check digits, and refusals that no schema can foretell."""

import csv
import io
import json

import schemathesis
from hypothesis import strategies as st
from schemathesis.openapi.checks import RejectedPositiveData

FORMATS = {
    "time-zone": ["Europe/London", "America/New_York", "Etc/UTC"],
    "npi": ["1234567893", "1245319599"],
    "dea": ["AB1234563"],
    "national_insurance": ["AB123456C"],
    "sort_code": ["97-86-75", "978675"],
    "account_number": ["86423197"],
    "cpf": ["390.533.447-05", "52998224725"],
    "nhs_number": ["943 476 5919", "4505577104"],
}
for name, values in FORMATS.items():
    schemathesis.openapi.format(name, st.sampled_from(values))

# Rows that are taken, and rows of anything.
GOOD = {
    "external_ref": [f"C-{n}" for n in range(20)],
    "given_name": ["Ada", "Grace", ""],
    "email": ["ada@example.org", ""],
    "date_of_birth": ["1961-04-12", ""],
    "time_zone": FORMATS["time-zone"],
}
good = st.tuples(*map(st.sampled_from, GOOD.values()))
rows = st.lists(good | st.tuples(*(st.text(max_size=20) for _ in GOOD)), max_size=5)


def as_csv(rows):
    text = io.StringIO()
    csv.writer(text).writerows([GOOD, *rows])
    return text.getvalue().encode()


def as_ndjson(rows):
    return "\n".join(json.dumps(dict(zip(GOOD, row))) for row in rows).encode()


schemathesis.openapi.media_type("text/csv", rows.map(as_csv))
schemathesis.openapi.media_type("application/x-ndjson", rows.map(as_ndjson))

# A value that the schema takes may be refused for these reasons and no other.
ANYWHERE = {"must not hold a card number", "the idempotency key was used for another request"}
NOTHING = "must name at least one field"  # but with `null`
REASONS = {
    "createApiKey": {"must lie in the future", "must lie at most two years ahead"},
    "changeTenant": {"must be 60 seconds to the session's time to live", NOTHING},
    "changeSubject": {NOTHING},
    "changeRecord": {"no such field here", NOTHING},  # but in records of another category
    "findSubjects": {"is needed beside `external_ref`"},
}


@schemathesis.hook
def before_call(context, case, kwargs):
    """What no schema can foretell, and would be refused each time."""
    name, body = case.operation.definition.raw["operationId"], case.body
    if not isinstance(body, dict):
        return
    # In a sandbox no live key is made, whatever else is right.
    if name == "createApiKey" and body.get("mode") == "live":
        body["mode"] = "test"
    # Which fields a record has, its category decides; a day it always has. Some try a single field all the same.
    told = name == "changeRecord" and case.meta.generation.mode.is_positive and "fields" in body
    if told and (case.meta.phase.name.name != "FUZZING" or len(body["fields"]) > 1):
        case.body = {"occurred_on": "2026-02-28"}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 422:
        return True
    operation = case.operation.definition.raw["operationId"]
    told = {fault["detail"] for fault in response.json()["errors"]}
    return not told <= ANYWHERE | REASONS.get(operation, set())
