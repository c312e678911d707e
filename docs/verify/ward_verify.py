#!/usr/bin/env python3
"""Verifies audit logs of Ward, and proofs from them, without Ward.

One file, Python 3.9 or newer, nothing but its standard library. Written from the specifications: RFC 6962 (tree), RFC 8032 (Ed25519),
RFC 8785 (canonical JSON), and C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles and tlog-proof.

  ward_verify.py FILE --key KEY [--witness KEY] [--quorum N] [--entry FILE | --export FILE] [--state FILE] [--json]
  ward_verify.py --batch       runs the command on each line of standard input, a JSON list of arguments
  ward_verify.py --self-test   checks itself against published vectors

FILE is the JSON of a proof, a `.tlog-proof`, the proof of an export, or a directory with a copy of a log. KEY is a verifier key, or a
file with one on each line. Ends with 0: verified; 1: refuted; 2: not understood; 3: could not be read.
"""

import base64
import binascii
import datetime
import functools
import hashlib
import json
import math
import os
import re
import sys
import uuid

MOST = 4 << 20  # bytes of a proof, a checkpoint, a file of keys
MOST_OF_A_LINE = 1 << 20
WIDTH = 256
SKEW = datetime.timedelta(minutes=10)
DEEPEST = 16
DEEPEST_JSON = 127  # of what isn't an entry
MOST_SIGNATURES = 100

REASONS = {
    "malformed": "it is not written in its format, or contradicts itself",
    "bad-signature": "a trusted key's signature does not fit",
    "foreign-key": "no trusted key of this log has signed it",
    "unwitnessed": "fewer witnesses than asked for have cosigned it",
    "rolled-back": "it is older than what was seen before",
    "forked": "it does not contain what was seen before, though the log signed both",
    "truncated": "the last entries that were signed are not there",
    "gap": "a part that was signed is not there",
    "edited": "another entry was signed at this place",
    "deleted": "an entry that was signed is missing",
    "inserted": "an entry stands here that nobody signed",
    "reordered": "an entry stands here that was signed at another place",
    "altered": "it leads to another root than the signed one; which part was changed can't be told",
    "unproven": "the proof does not lead to the signed root",
    "wrong-tile": "the entries are those that were signed, but a tile of hashes is not",
    "not-canonical": "an entry was signed that is not canonical JSON",
    "foreign-tenant": "an entry was signed that is of another tenant",
    "back-dated": "an entry was signed whose time lies too far before an earlier one's",
    "duplicated": "two entries were signed that have the same id",
    "other-file": "the file is not the one that the log says was exported",
}


class Refuted(Exception):
    def __init__(self, reason, place=None):
        super().__init__(REASONS[reason])
        self.reason, self.place = reason, place


class Usage(Exception):
    pass


class Unread(Exception):
    pass


# --- Ed25519 (RFC 8032, 5.1), in extended coordinates -------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_mul(scalar, point):
    total = NEUTRAL
    while scalar:
        if scalar & 1:
            total = point_add(total, point)
        point = point_add(point, point)
        scalar >>= 1
    return total


def point_equal(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point_decode(data):
    """The point that 32 bytes encode; None, if they are not its one encoding."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if len(data) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def is_small(point):
    return point_equal(point_mul(8, point), NEUTRAL)


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.lru_cache(maxsize=4096)
def ed25519_verify(public, message, signature):
    """Strictly: no S beyond the group's order, no second encoding of a point, no point of small order."""
    if len(signature) != 64:
        return False
    key, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= L or is_small(key) or is_small(r):
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    return point_equal(point_mul(s, BASE), point_add(r, point_mul(challenge, key)))


# --- The tree (RFC 6962, 2.1) -------------------------------------------------------------------------------------------------------


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_from_inclusion(leaf, index, size, path):
    """The root to which an inclusion proof leads (RFC 9162, 2.1.3.2); None, if it has another length than it must have."""
    if index >= size:
        return None
    here, last = index, size - 1
    for beside in path:
        if last == 0:
            return None
        if here & 1 or here == last:
            leaf = node_hash(beside, leaf)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            leaf = node_hash(leaf, beside)
        here, last = here >> 1, last >> 1
    return leaf if last == 0 else None


def full_root(hashes):
    """The root over as many hashes as a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[n], hashes[n + 1]) for n in range(0, len(hashes), 2)]
    return hashes[0]


class Tree:
    """A growing tree, by the hashes of the tile that is still open at each level."""

    def __init__(self):
        self.size, self.open = 0, []

    def copy(self):
        twin = Tree()
        twin.size, twin.open = self.size, [list(row) for row in self.open]
        return twin

    def extend(self, leaves):
        """Adds leaves that the open tile has room for; answers with the tiles above that are full now."""
        self.size += len(leaves)
        full, level, added = [], 0, list(leaves)
        while added:
            if level == len(self.open):
                self.open.append([])
            row = self.open[level]
            row.extend(added)
            added = []
            if len(row) == WIDTH:
                added = [full_root(row)]
                self.open[level] = []
                if level:
                    full.append((level, self._index(level), row))
            level += 1
        return full

    def above(self):
        return [(n, self._index(n), list(row)) for n, row in enumerate(self.open) if n and row]

    def _index(self, level):
        return ((self.size >> (8 * level)) - 1) // WIDTH

    def root(self):
        peaks = []
        for row in reversed(self.open):
            while row:
                many = 1 << (len(row).bit_length() - 1)
                peaks.append(full_root(row[:many]))
                row = row[many:]
        if not peaks:
            return hashlib.sha256(b"").digest()
        root = peaks.pop()
        while peaks:
            root = node_hash(peaks.pop(), root)
        return root


# --- Notes, checkpoints, cosignatures (C2SP) ----------------------------------------------------------------------------------------


def decode64(text):
    """Standard base64 in its one canonical form; None otherwise."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def decode_hash(text):
    data = decode64(text) if isinstance(text, str) else None
    return data if data is not None and len(data) == 32 else None


def decode_number(text):
    """A decimal of 64 bits without leading zeroes; None otherwise."""
    if not re.fullmatch("0|[1-9][0-9]{0,19}", text) or int(text) >= 2**64:
        return None
    return int(text)


def is_name(name):
    control = any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in name)
    return bool(name) and not control and "+" not in name and not any(letter.isspace() for letter in name)


class Key:
    """A verifier key: `name+id+base64(type || key)`."""

    def __init__(self, text):
        parts = text.split("+", 2)
        data = decode64(parts[2]) if len(parts) == 3 else None
        if data is None or len(data) != 33 or data[0] not in (1, 4) or not is_name(parts[0]):
            raise ValueError(text)
        self.text, self.name, self.kind, self.public = text, parts[0], data[0], data[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        point = point_decode(self.public)
        if parts[1] != self.id.hex() or point is None or is_small(point):
            raise ValueError(text)


def split_note(data):
    """A note's text, and its signatures as (name, id, bytes)."""
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refuted("malformed") from None
    text, blank, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if any(letter < " " and letter != "\n" for letter in note) or not blank or lines.pop() != "":
        raise Refuted("malformed")
    if not lines or len(lines) > MOST_SIGNATURES:
        raise Refuted("malformed")
    return text + "\n", [split_signature(line) for line in lines]


def split_signature(line):
    name, _, signature = line[2:].partition(" ")
    data = decode64(signature)
    if not line.startswith("\u2014 ") or not is_name(name) or data is None or len(data) < 5:
        raise Refuted("malformed")
    return name, data[:4], data[4:]


def read_checkpoint(text):
    lines = text.split("\n")[:-1]
    if len(lines) < 3 or not all(lines):
        raise Refuted("malformed")
    size, root = decode_number(lines[1]), decode_hash(lines[2])
    if size is None or root is None:
        raise Refuted("malformed")
    return {"origin": lines[0], "size": size, "root": root}


class Trust:
    """Whose word counts."""

    def __init__(self, keys, witnesses, quorum):
        self.keys, self.witnesses = keys, list({key.text: key for key in witnesses}.values())
        self.quorum = len(self.witnesses) if quorum is None else quorum
        if not keys:
            raise Usage("no key of a log is given")
        if any(key.kind != 1 for key in keys) or any(key.kind != 4 for key in self.witnesses):
            raise Usage("a key of a log is of type 1, a witness's of type 4")
        if self.quorum > len(self.witnesses):
            raise Usage("more witnesses are asked for than are given")

    def vouch(self, data):
        """The checkpoint in a note, once a key of its log and witnesses enough have signed it."""
        text, signatures = split_note(data)
        head = read_checkpoint(text)
        signed, cosigned, known = [], {}, False
        for name, key_id, signature in signatures:
            key = next((k for k in self.keys + self.witnesses if (k.name, k.id) == (name, key_id)), None)
            if key is None:
                continue
            known = True
            time = verify_signature(key, text, signature)
            if key.kind == 4:
                cosigned.setdefault(key.text, time)
            elif key.name == head["origin"]:
                signed.append(key.text)
        if not known or not signed:
            raise Refuted("foreign-key")
        if len(cosigned) < self.quorum:
            raise Refuted("unwitnessed")
        head.update(signed_by=signed, cosigned_by=cosigned)
        return head


def verify_signature(key, text, signature):
    message, time = text.encode(), None
    if key.kind == 4:
        time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        message = b"cosignature/v1\ntime %d\n" % time + message
    if (time is not None and time >= 2**63) or not ed25519_verify(key.public, message, signature):
        raise Refuted("bad-signature")
    return time


# --- Entries (RFC 8785, with texts, lists and objects only) -------------------------------------------------------------------------


def canonical(value, depth=1):
    """A value in canonical form; ValueError, if it has a number or lies too deep."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if depth > DEEPEST or not isinstance(value, (list, dict)):
        raise ValueError
    if isinstance(value, list):
        return "[" + ",".join(canonical(item, depth + 1) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(canonical(key) + ":" + canonical(value[key], depth + 1) for key in keys) + "}"


def read_entry(entry):
    """When, which and whose an entry is; and before which entry it says that the log let go of all others, if it does."""
    try:
        text = entry.decode("utf-8")
        value = json.loads(text)
        if not isinstance(value, dict) or canonical(value) != text:
            raise ValueError
    except (ValueError, RecursionError):
        raise Refuted("not-canonical") from None
    event = value.get("event")
    if set(value) != {"at", "event"} or not isinstance(event, dict):
        raise Refuted("malformed")
    at, event_id, tenant = read_time(value["at"]), read_uuid(event.get("id")), read_uuid(event.get("tenant"))
    if at is None or event_id is None or tenant is None:
        raise Refuted("malformed")
    return at, event_id, tenant, read_pruned(event)


def read_pruned(event):
    """The number that an entry says, None if it is no such entry, -1 if what it says can't be read."""
    if event.get("action") != "audit.pruned":
        return None
    details = event.get("details")
    first = decode_decimal(details.get("first")) if isinstance(details, dict) else None
    return -1 if first is None or decode_hash(details.get("root")) is None else first


def read_time(text):
    shape = "([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})[.]([0-9]{6})Z"
    match = re.fullmatch(shape, text) if isinstance(text, str) else None
    try:
        return datetime.datetime(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def read_uuid(text):
    shape = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    return uuid.UUID(text) if isinstance(text, str) and re.fullmatch(shape, text) else None


def tenant_of(origin):
    before, slash, last = origin.rpartition("/")
    return read_uuid(last) if slash else None


class Content:
    """What the entries of a log say, taken together."""

    def __init__(self, origin):
        self.tenant, self.first, self.latest = tenant_of(origin), None, None
        self.ids, self.twice, self.fault, self.pruned = set(), False, None, 0

    def add(self, index, entry):
        if self.fault is None:
            try:
                self._read(index, entry)
            except Refuted as refuted:
                self.fault = Refuted(refuted.reason, f"entry {index}")

    def _read(self, index, entry):
        at, event_id, tenant, pruned = read_entry(entry)
        self.tenant = self.tenant or tenant
        if self.tenant != tenant:
            raise Refuted("foreign-tenant")
        if self.latest is not None and self.latest - at > SKEW:
            raise Refuted("back-dated")
        self.latest = max(self.latest or at, at)
        self.first = min(self.first or at, at)
        self.twice |= event_id.bytes in self.ids
        self.ids.add(event_id.bytes)
        if pruned is not None:
            if not 0 <= pruned <= index:
                raise Refuted("malformed")
            self.pruned = max(self.pruned, pruned)

    def judge(self):
        if self.fault:
            raise self.fault
        if self.twice:
            raise Refuted("duplicated")


# --- One entry's proof --------------------------------------------------------------------------------------------------------------


def parse_bundle(text):
    """A `.tlog-proof` (C2SP tlog-proof)."""
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    proof = {"entry": None, "checkpoint": checkpoint.encode(), "said": None}
    if not blank or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Refuted("malformed")
    if lines and lines[0].startswith("extra "):
        proof["entry"] = decode64(lines.pop(0)[len("extra "):])
        if proof["entry"] is None:
            raise Refuted("malformed")
    index = decode_number(lines[0][len("index "):]) if lines and lines[0].startswith("index ") else None
    path = [decode_hash(line) for line in lines[1:]]
    if index is None or None in path:
        raise Refuted("malformed")
    split_note(proof["checkpoint"])
    proof.update(index=index, path=path)
    return proof


def load_json(text):
    """JSON without what other readers of it refuse: halves of letters, numbers that are none or too great, too many levels. Of a member
    that is there twice, the last one counts."""
    replaced = []

    def refuse(_):
        raise ValueError

    def members(pairs):
        if len(dict(pairs)) < len(pairs):
            replaced.append(pairs)
        return dict(pairs)

    value = json.loads(text, parse_int=read_integer, parse_float=read_float, parse_constant=refuse, object_pairs_hook=members)
    json.dumps([value, replaced], ensure_ascii=False).encode("utf-8")
    if depth_of(text) > DEEPEST_JSON:
        raise ValueError
    return value


def read_integer(text):
    """A number that is no place and no size, but is one, stays one."""
    number = decode_number(text)
    return read_float(text) if number is None else number


def read_float(text):
    number = float(text)
    if math.isinf(number):
        raise ValueError
    return number


def depth_of(text):
    """How deep lists and objects lie in each other in what is JSON."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", re.sub(r'"[^"\\]*(?:\\.[^"\\]*)*"', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def parse_json_proof(text):
    """What `GET /v1/audit/events/{id}/proof` answers."""
    try:
        return read_json_proof(load_json(text))
    except (ValueError, RecursionError):
        raise Refuted("malformed") from None


def read_json_proof(proof, head=None):
    """A proof, as JSON; without a checkpoint, where that is known."""
    if not isinstance(proof, dict) or not isinstance(proof.get("path"), list):
        raise Refuted("malformed")
    index, size = proof.get("leaf_index"), head["size"] if head else proof.get("tree_size")
    leaf, path = decode_hash(proof.get("leaf_hash")), [decode_hash(item) for item in proof["path"]]
    texts = [proof.get("entry"), "" if head else proof.get("checkpoint")]
    if type(index) is not int or type(size) is not int or leaf is None or None in path:
        raise Refuted("malformed")
    if not all(isinstance(text, str) for text in texts):
        raise Refuted("malformed")
    entry, checkpoint = (text.encode() for text in texts)
    return {"entry": entry, "index": index, "path": path, "checkpoint": checkpoint, "said": (size, leaf)}


def verify_proof(data, entry, trust, remembered):
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refuted("malformed") from None
    proof = parse_bundle(text) if text.startswith("c2sp.org/tlog-proof@") else parse_json_proof(text)
    proof["entry"] = proof["entry"] if entry is None else entry
    if proof["entry"] is None:
        raise Usage("the entry is neither in the proof nor given beside it: `--entry FILE`")
    head = trust.vouch(proof["checkpoint"])
    at, event_id, _ = verify_place(proof, head)
    compare_heads(remembered(head["origin"]), head)
    return {"what": "entry", "index": proof["index"], "id": str(event_id), "at": iso(at), "checkpoint": head}


def verify_place(proof, head):
    """When and which an entry is, and what it says of the log's beginning, that stands where its proof says, in a tree that is trusted."""
    entry, place = proof["entry"], f"entry {proof['index']}"

    def leads(leaf):
        return root_from_inclusion(leaf, proof["index"], head["size"], proof["path"]) == head["root"]

    if not leads(leaf_hash(entry)):
        raise Refuted("edited" if proof["said"] and leads(proof["said"][1]) else "unproven", place)
    if proof["said"] and proof["said"] != (head["size"], leaf_hash(entry)):
        raise Refuted("malformed", place)
    try:
        at, event_id, tenant, pruned = read_entry(entry)
    except Refuted as refuted:
        raise Refuted(refuted.reason, place) from None
    if tenant_of(head["origin"]) not in (None, tenant):
        raise Refuted("foreign-tenant", place)
    return at, event_id, pruned


def compare_heads(before, head):
    if before and head["size"] < before["size"]:
        raise Refuted("rolled-back")
    if before and head["size"] == before["size"] and head["root"] != before["root"]:
        raise Refuted("forked")


# --- An export ----------------------------------------------------------------------------------------------------------------------


def read_asked(said, size, raw):
    """What was exported."""
    times = [said.get("from"), said.get("to")]
    if not isinstance(said.get("format"), str) or type(size) is not int or not isinstance(raw, bool):
        raise Refuted("malformed")
    if not all(time is None or isinstance(time, str) for time in times):
        raise Refuted("malformed")
    return {"format": said["format"], "raw": raw, "from": times[0], "to": times[1], "size": size}


class Export:
    """The proof of an export, read line by line."""

    def __init__(self, said, trust):
        asked = said["export"]
        if not isinstance(asked, dict):
            raise Refuted("malformed")
        self.asked, self.trust = read_asked(asked, asked.get("size"), asked.get("raw", False)), trust
        if not isinstance(said.get("checkpoint"), str):
            raise Refuted("malformed")
        self.head = trust.vouch(said["checkpoint"].encode())
        limits = [self.asked["from"], self.asked["to"]]
        self.limits = [limit and read_time(limit) for limit in limits]
        self.is_part = limits != [None, None]
        if self.asked["size"] > self.head["size"] or any(
                limit is not None and time is None for limit, time in zip(limits, self.limits)):
            raise Refuted("malformed")
        self.start = self._start(said["pruned"]) if said.get("pruned") is not None else 0
        self.below, self.count, self.told, self.newest = self.asked["size"], 0, None, None
        self.first = self.latest = None

    def _start(self, said):
        """Where the log begins, by the entry in which it says so."""
        proof = read_json_proof(said, self.head)
        _, _, pruned = verify_place(proof, self.head)
        if pruned is None or not 0 <= pruned <= proof["index"]:
            raise Refuted("malformed", f"entry {proof['index']}")
        return pruned

    def line(self, data):
        try:
            said = load_json(data.decode("utf-8"))
        except (ValueError, RecursionError):
            raise Refuted("malformed") from None
        if self.told:
            raise Refuted("malformed")
        if isinstance(said, dict) and "completed" in said:
            self._completed(said)
        else:
            self._entry(said)

    def _entry(self, said):
        proof = read_json_proof(said, self.head)
        (at, _, _), index, place = verify_place(proof, self.head), proof["index"], f"entry {proof['index']}"
        if index >= self.below:
            raise Refuted("reordered", place)
        if not self.is_part and index + 1 != self.below:
            raise Refuted("deleted", f"entry {self.below - 1}")
        begins, ends = self.limits
        if (begins and at < begins) or (ends and at >= ends):
            raise Refuted("malformed", place)
        self.first, self.latest = min(self.first or at, at), max(self.latest or at, at)
        self.newest = index if self.newest is None else self.newest
        self.below, self.count = index, self.count + 1

    def _completed(self, said):
        """The entry in which the log says what was exported, under a checkpoint that contains the first one."""
        proof, consistency = read_json_proof(said["completed"]), said.get("consistency")
        later, place = self.trust.vouch(proof["checkpoint"]), f"entry {proof['index']}"
        verify_place(proof, later)
        path = [decode_hash(item) for item in consistency] if isinstance(consistency, list) else [None]
        if None in path:
            raise Refuted("malformed")
        if self.head["origin"] != later["origin"] or not is_consistent(self.head, later, path):
            raise Refuted("unproven")
        event = json.loads(proof["entry"])["event"]
        details = event.get("details", {})
        if event.get("action") != "audit.export_completed" or not isinstance(details, dict):
            raise Refuted("malformed", place)
        size, count = (decode_decimal(details.get(name)) for name in ("size", "count"))
        try:
            asked = read_asked(details, size, isinstance(details.get("raw"), str))
        except Refuted:
            raise Refuted("malformed", place) from None
        if asked != self.asked or count is None or not isinstance(details.get("sha256"), str):
            raise Refuted("malformed", place)
        self.told = {"index": proof["index"], "count": count, "sha256": details["sha256"]}

    def close(self, file):
        if not self.told:
            raise Refuted("truncated")
        if self.count != self.told["count"]:
            raise Refuted("deleted" if self.count < self.told["count"] else "inserted")
        if not self.is_part and self.below > self.start:
            raise Refuted("deleted")
        if file is not None and digest_of(file) != self.told["sha256"]:
            raise Refuted("other-file")
        places = {"oldest": self.below, "newest": self.newest} if self.count else {"oldest": None, "newest": None}
        return dict(places, what="export", format=self.asked["format"], size=self.asked["size"], count=self.count, pruned=self.start,
                    complete=not self.is_part, sha256=self.told["sha256"], file=file is not None, first=iso(self.first),
                    latest=iso(self.latest), told_at=self.told["index"], checkpoint=self.head)


def decode_decimal(text):
    return decode_number(text) if isinstance(text, str) else None


def is_consistent(older, newer, path):
    """Whether a consistency proof leads from one head to the other (RFC 9162, 2.1.4.2)."""
    if older["size"] > newer["size"]:
        return False
    if older["size"] in (0, newer["size"]):
        return not path and (older["size"] == 0 or older["root"] == newer["root"])
    if older["size"] & (older["size"] - 1) == 0:
        path = [older["root"]] + path
    if not path:
        return False
    here, last = older["size"] - 1, newer["size"] - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node_hash(beside, old), node_hash(beside, new)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            new = node_hash(new, beside)
        here, last = here >> 1, last >> 1
    return (old, new, last) == (older["root"], newer["root"], 0)


def verify_export(path, trust, remembered, file):
    """What the proof of an export shows; None, if the file is none."""
    with open_file(path) as lines:
        try:
            said = load_json(lines.readline(MOST_OF_A_LINE).decode("utf-8"))
        except (ValueError, RecursionError):
            return None
        if not isinstance(said, dict) or "export" not in said:
            return None
        export = Export(said, trust)
        compare_heads(remembered(export.head["origin"]), export.head)
        for line in iter(functools.partial(lines.readline, MOST_OF_A_LINE), b""):
            export.line(line)
    return export.close(file)


def digest_of(path):
    digest = hashlib.sha256()
    with open_file(path) as file:
        for piece in iter(functools.partial(file.read, 1 << 16), b""):
            digest.update(piece)
    return digest.hexdigest()


# --- A whole log (C2SP tlog-tiles) --------------------------------------------------------------------------------------------------


def tile_path(kind, index, width):
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[n:n + 3] for n in range(0, len(digits), 3)]
    name = "/".join(["x" + part for part in parts[:-1]] + parts[-1:])
    return f"tile/{kind}/{name}" + ("" if width == WIDTH else f".p/{width}")


def split_entries(data):
    """The entries of a bundle, each of which stands behind its length; None, if it breaks off."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at:at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            return None
        entries.append(data[at + 2:end])
        at = end
    return entries


class Log:
    """A copy of a log in a directory, read once from its start to its end."""

    def __init__(self, directory, head, before):
        self.directory, self.head, self.before = directory, head, before
        self.tree, self.named_tree, self.content = Tree(), None, Content(head["origin"])
        self.difference = self.extra = self.wrong = None
        self.forked, self.kept = False, 0

    def read(self, kind, index, width, most):
        """What lies in a tile's place, and whether it is no wider than the tile."""
        data = read_file(os.path.join(self.directory, tile_path(kind, index, width)), most)
        if data is None and width < WIDTH:
            return read_file(os.path.join(self.directory, tile_path(kind, index, WIDTH)), most), False
        return data, True

    def hashes(self, level, index, width):
        data, exact = self.read(level, index, width, WIDTH * 32)
        if data is None or len(data) < width * 32:
            return None
        if exact and len(data) > width * 32:
            raise Refuted("malformed", tile_path(level, index, width))
        return [data[n:n + 32] for n in range(0, width * 32, 32)]

    def verify(self):
        compare_heads(self.before, self.head)
        self._look_for_fork()
        for start in range(0, self.head["size"], WIDTH):
            self._tile(start, min(WIDTH, self.head["size"] - start))
        return self._judge()

    def _tile(self, start, width):
        index = start // WIDTH
        named = self.hashes(0, index, width)
        if named is None:
            raise self._lost(index, width)
        data, exact = self.read("entries", index, width, WIDTH * (2 + 65535))
        if data is None and width == WIDTH and self.kept == start:
            self.kept += WIDTH
            self._grow(start, named)
            return
        entries = split_entries(data or b"")
        if entries is None:
            raise Refuted("malformed", tile_path("entries", index, width))
        if exact and len(entries) > width and self.extra is None:
            self.extra = start + width
        for n, entry in enumerate(entries[:width]):
            self.content.add(start + n, entry)
        leaves = [leaf_hash(entry) for entry in entries]
        self._compare(start, leaves, named)
        self._grow(start, leaves[:width])

    def _lost(self, index, width):
        last = (self.head["size"] - 1) // WIDTH
        there = self.hashes(0, last, self.head["size"] - last * WIDTH) is not None
        return Refuted("gap" if there else "truncated", tile_path(0, index, width))

    def _compare(self, start, leaves, named):
        """Looks for the first entry that isn't the one that its tile of hashes names, and for where both stand otherwise."""
        if self.difference is None:
            if leaves[:len(named)] == named:
                return
            n = next(n for n, name in enumerate(named) if leaves[n:n + 1] != [name])
            here = leaves[n] if n < len(leaves) else None
            self.difference = {"index": start + n, "here": here, "named": named[n],
                               "belongs": False, "stands": False, "ends": here is None}
            self.named_tree = self.tree.copy()
            self.named_tree.extend(named)
            leaves, named = leaves[n + 1:], named[n + 1:]
        else:
            self.named_tree.extend(named)
        found = self.difference
        found["belongs"] |= found["here"] in named
        found["stands"] |= found["named"] in leaves
        found["ends"] &= not leaves

    def _grow(self, start, leaves):
        if self.tree.size != start:
            return  # behind a missing entry
        known = max(self.before["size"] - start, 0) if self.before else 0
        full = self.tree.extend(leaves[:known])
        self._look_for_fork()
        full += self.tree.extend(leaves[known:])
        for row in full:
            self._compare_tile(*row)

    def _look_for_fork(self):
        if self.before and self.before["size"] == self.tree.size:
            self.forked |= self.before["root"] != self.tree.root()

    def _compare_tile(self, level, index, row):
        if self.difference is None and self.wrong is None:
            named = self.hashes(level, index, len(row))
            if named != row:
                place = tile_path(level, index, len(row))
                self.wrong = Refuted("gap" if named is None else "wrong-tile", place)

    def _judge(self):
        for row in self.tree.above():
            self._compare_tile(*row)
        if self.tree.size != self.head["size"] or self.tree.root() != self.head["root"]:
            raise self._tampered()
        if self.forked:
            raise Refuted("forked")
        if self._missing():
            raise self._missing()
        self.content.judge()
        if self.extra is not None:
            raise Refuted("inserted", f"entry {self.extra}")
        if self.difference:
            raise Refuted("wrong-tile", f"entry {self.difference['index']}")
        if self.wrong:
            raise self.wrong
        return {"what": "log", "from": self.kept, "to": self.head["size"], "pruned": self.kept, "first": iso(self.content.first),
                "latest": iso(self.content.latest), "continues": self.before and self.before["size"],
                "checkpoint": self.head}

    def _missing(self):
        """What is missing at the beginning though the log doesn't say that it let go of it."""
        if self.kept > self.content.pruned:
            return Refuted("deleted" if self.content.ids else "truncated", f"entry {self.content.pruned}")
        return None

    def _tampered(self):
        found = self.difference
        if found is None or self.named_tree.root() != self.head["root"]:
            return Refuted("altered")
        if self._missing():
            return self._missing()
        if found["here"] is None and found["ends"]:
            reason = "truncated"
        elif found["stands"]:
            reason = "reordered" if found["belongs"] or found["here"] is None else "inserted"
        else:
            reason = "deleted" if found["belongs"] or found["here"] is None else "edited"
        return Refuted(reason, f"entry {found['index']}")


# --- Files and words ----------------------------------------------------------------------------------------------------------------


def read_file(path, most):
    """Not more than `most` bytes and one; None, if it isn't there."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise Unread(f"{path}: not a file")
        with open(path, "rb") as file:
            return file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unread(f"{path}: {error}") from None


def open_file(path):
    try:
        if not os.path.isfile(path):
            raise Unread(f"{path}: not there, or not a file")
        return open(path, "rb")
    except OSError as error:
        raise Unread(f"{path}: {error}") from None


def need_file(path):
    data = read_file(path, MOST)
    if data is None or len(data) > MOST:
        raise Unread(f"{path}: not there, or longer than 4 MiB")
    return data


def read_keys(given):
    keys = []
    for text in given:
        try:
            keys.append(Key(text))
        except ValueError:
            data = need_file(text)
            try:
                lines = [line.strip(" \t\r") for line in data.decode("utf-8").split("\n")]
                found = [Key(line) for line in lines if line]
            except ValueError:
                found = []
            if not found:
                raise Usage(f"{text} is neither a verifier key nor a file of such") from None
            keys += found
    return keys


def read_state(path):
    """What `ward audit verify --state` remembers: by origin, the checkpoint that was seen last."""
    try:
        logs = load_json(need_file(path).decode("utf-8"))["logs"]
        return {origin: read_checkpoint(split_note(log["checkpoint"].encode())[0]) for origin, log in logs.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Refuted):
        raise Unread(f"{path}: not a state") from None


def iso(time):
    return time and time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond:06}Z"


def parse_arguments(arguments):
    options = {"--key": [], "--witness": [], "--quorum": [], "--entry": [], "--export": [], "--state": []}
    files, as_json, rest = [], False, list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in options:
            if not equals and not rest:
                raise Usage(f"{name} needs a value")
            options[name].append(value if equals else rest.pop(0))
        elif name == "--json" and not equals:
            as_json = True
        elif name.startswith("--"):
            raise Usage(f"{name} is not an option")
        else:
            files.append(name + equals + value)
    if len(files) != 1 or not options["--key"]:
        raise Usage("a file and `--key` are needed")
    return files[0], options, as_json


def verify(arguments):
    """What was verified, as JSON says it."""
    path, options, _ = parse_arguments(arguments)
    last = {name: (values[-1] if values else None) for name, values in options.items()}
    quorum = None if last["--quorum"] is None else decode_number(last["--quorum"])
    if quorum is None and last["--quorum"] is not None:
        raise Usage("--quorum needs a number")
    trust = Trust(read_keys(options["--key"]), read_keys(options["--witness"]), quorum)
    state = read_state(last["--state"]) if last["--state"] is not None else {}
    if not os.path.isdir(path):
        shown = verify_export(path, trust, state.get, last["--export"])
        if shown is not None:
            return shown
        if last["--export"] is not None:
            raise Usage("--export goes with the proof of an export")
        entry = need_file(last["--entry"]) if last["--entry"] is not None else None
        return verify_proof(need_file(path), entry, trust, state.get)
    if last["--entry"] is not None:
        raise Usage("--entry goes with a proof, not with a log")
    if last["--export"] is not None:
        raise Usage("--export goes with the proof of an export")
    head = trust.vouch(need_file(os.path.join(path, "checkpoint")))
    return Log(path, head, state.get(head["origin"])).verify()


def run(arguments):
    """How it ended, and what there is to say."""
    try:
        return 0, dict({"verdict": "verified"}, **verify(arguments))
    except Refuted as refuted:
        return 1, {"verdict": "refuted", "reason": refuted.reason, "place": refuted.place, "text": str(refuted)}
    except Usage as usage:
        return 2, {"verdict": "usage", "text": str(usage)}
    except Unread as unread:
        return 3, {"verdict": "unread", "text": str(unread)}


def written(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def say(said, as_json):
    if as_json:
        print(json.dumps(said, default=written))
    elif said["verdict"] == "verified":
        head = said.pop("checkpoint")
        what = {"log": "the log", "entry": "an entry of", "export": "an export of"}[said.pop("what")]
        print("VERIFIED:", what, head["origin"])
        for name, value in {**said, "tree size": head["size"], "root": written(head["root"])}.items():
            if name != "verdict" and value is not None:
                print(f"  {name:12} {value}")
        for key in head["signed_by"]:
            print("  signed by   ", key)
        for key, time in head["cosigned_by"].items():
            print("  cosigned by ", key.split("+")[0], "at", time, "seconds since 1970")
    elif said["verdict"] == "refuted":
        print(f"REFUTED: {said['reason']}" + (f", at {said['place']}" if said["place"] else ""))
        print("  " + said["text"])
    else:
        print(said["text"], file=sys.stderr)


# --- Its own test -------------------------------------------------------------------------------------------------------------------

# RFC 8032, 7.1: key, message, signature.
ED25519_VECTORS = """
d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a - e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c 72 92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025 af82 6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
"""

NOTE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = ("This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZ"
        "XsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n")

# The leaves and roots that Certificate Transparency's implementations share.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {1: "6e340b9c", 2: "fac54203", 3: "aeb6bcfe", 4: "d37ee418", 5: "4e3bbb1f", 6: "76e67dad", 7: "ddb89be4", 8: "5dc9da79"}


def require(holds, why="a vector"):
    if not holds:
        raise SystemExit(f"this does not hold: {why}")


def self_test():
    for line in ED25519_VECTORS.split("\n")[1:-1]:
        public, message, signature = (bytes.fromhex(word.replace("-", "")) for word in line.split())
        require(ed25519_verify(public, message, signature))
        require(not ed25519_verify(public, message + b"x", signature))
        s = int.from_bytes(signature[32:], "little")
        require(not ed25519_verify(public, message, signature[:32] + (s + L).to_bytes(32, "little")), "S beyond the order")
        for bit in range(0, 512, 37):
            turned = (int.from_bytes(signature, "little") ^ (1 << bit)).to_bytes(64, "little")
            require(not ed25519_verify(public, message, turned))
    neutral = (1).to_bytes(32, "little")
    require(not ed25519_verify(neutral, b"", neutral + bytes(32)), "a key of small order signs anything")
    require(point_decode((P + 1).to_bytes(32, "little")) is None, "a second encoding of a point")
    require(point_decode((1 | 1 << 255).to_bytes(32, "little")) is None, "minus zero")
    key = Key(NOTE_KEY)
    text, [(name, key_id, signature)] = split_note(NOTE.encode())
    require((name, key_id) == (key.name, key.id) and verify_signature(key, text, signature) is None)
    tree = Tree()
    for size, leaf in enumerate(LEAVES, 1):
        tree.extend([leaf_hash(bytes.fromhex(leaf))])
        require(tree.root().hex().startswith(ROOTS[size]))
    require(canonical({"\u20ac": "", "\r": "\u000b\n/", "\ufb33": "", "\U0001f600": ""}) == (
        '{"\\r":"\\u000b\\n/","\u20ac":"","\U0001f600":"","\ufb33":""}'))
    require(tile_path(0, 1234067, WIDTH) == "tile/0/x001/x234/067" and tile_path(1, 0, 17) == "tile/1/000.p/17")
    print("the vectors hold")


def main(arguments):
    if arguments in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    if arguments == ["--self-test"]:
        self_test()
        return 0
    if arguments == ["--batch"]:
        for line in sys.stdin:
            code, said = run(json.loads(line))
            print(json.dumps(dict({"code": code}, **said), default=written), flush=True)
        return 0
    code, said = run(arguments)
    say(said, "--json" in arguments)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
