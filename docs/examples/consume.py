"""python consume.py BOOTSTRAP CONTRACT JWKS SCHEMA: follow one contract. Its asserts are its checks: no -O."""
import asyncio, base64, hashlib, json, sys
from aiokafka import AIOKafkaConsumer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
bootstrap, contract, jwks, schema = *sys.argv[1:3], *(json.load(open(file)) for file in sys.argv[3:5])
KEYS = {key["kid"]: key for key in jwks["keys"]}
unb64 = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
b64 = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
jcs = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
H = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
def opened(token, typ, signer, leaf=None, at=0, path=()):  # format.md 3, 8: by a current key, holding the leaf
    header, payload, signature = token.split(".")
    key, said = KEYS[json.loads(unb64(header))["kid"]], json.loads(unb64(payload))
    Ed25519PublicKey.from_public_bytes(unb64(key["x"])).verify(unb64(signature), f"{header}.{payload}".encode())
    assert unb64(header) == jcs({"alg": "Ed25519", "kid": key["kid"], "typ": typ}) and said[signer] == key["party"]
    assert not (key["retired_at"] or key["revoked_at"] or key["compromised_since"])
    assert leaf is None or root(leaf, at, said["count"], path) == unb64(said["root"])
    return said
def root(leaf, at, count, path):  # RFC 9162, 2.1
    assert 0 <= at < count and (len(path) > 0) == (count > 1)
    if count == 1: return leaf
    left = 1 << ((count - 1).bit_length() - 1)
    if at < left: return H(b"\1", root(leaf, at, left, path[:-1]), unb64(path[-1]))
    return H(b"\1", unb64(path[-1]), root(leaf, at - left, count - left, path[:-1]))
def slot(value, path):
    names, _, column = path.partition("[].")
    for name in names.split("."): value = value[name]
    return [row[column] for row in value] if column and value is not None else value
def verified(event, number):  # format.md 5 and 9: what the event proves to show, by slot, where it is that number
    proof, record, shown, leaf = event["proof"], event["record"] or {}, {}, None
    if event["kind"] in ("upsert", "withdrawn"):
        shown = {path: slot(record, path) for path in (*proof["salts"], *proof["treated"])}
        opens = {path: H(b"\2", unb64(salt), jcs([path, shown[path]])) for path, salt in proof["salts"].items()}
        others = (unb64(proof["hidden"])[at : at + 32] for at in range(0, len(proof["hidden"]), 32))
        digests = b"".join(opens.get(path) or next(others) for path in schema["x-slots"])
        said = {name: record[name] for name in ("feed", "schema_version", "record_id", "status")}
        leaf = H(b"\0", jcs(said | {"type": "record/1", "revision": proof["revision"], "digests": b64(digests)}))
        opened(proof["batch"], "fuyuan-batch+jws", "issuer", leaf, proof["index"], proof["path"])
    said = {name: event[name] for name in ("contract", "contract_version", "lane", "number", "kind", "cause", "notice")}
    said |= {"feed": record.get("feed"), "record_id": record.get("record_id"), "record_leaf": leaf and b64(leaf)}
    said |= {"type": "delivery/1", "treated": {path: shown[path] for path in proof["treated"]}}
    run = opened(proof["run"], "fuyuan-run+jws", "gateway", H(b"\0", jcs(said)), proof["run_index"], proof["run_path"])
    assert (contract, event["lane"], number) == (run["contract"], run["lane"], run["first"] + proof["run_index"])
    return shown
async def follow(state, seen, heads=None):
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(f"fuyuan.{contract}.{lane}", 0) for lane in seen])
        async for message in consumer:
            headers, value, lane = dict(message.headers), json.loads(message.value), message.topic.split(".")[2]
            if "fuyuan-event" not in headers: heads = opened(value["heads"], "fuyuan-heartbeat+jws", "gateway")["heads"]
            else:
                event = json.loads(headers["fuyuan-event"]) | {"record": value, "notice": None}
                if event["kind"] == "contract": event |= {"record": None, "notice": value}
                if event["number"] > seen[lane]:  # it may come again; one that is missing is to be pulled
                    shown, seen[lane] = verified(event, seen[lane] + 1), seen[lane] + 1
                    if event["record"] and event["cause"] > state.get(value["record_id"], (0, None))[0]:
                        state[value["record_id"]] = event["cause"], shown if event["kind"] == "upsert" else None
            if heads == seen: print(json.dumps({"seen": seen, "live": [one for _, one in state.values() if one]}))
asyncio.run(follow({}, {"bulk": 0, "priority": 0}))
