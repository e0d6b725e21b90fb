// node consume.js BOOTSTRAP CONTRACT JWKS SCHEMA: follow one contract with kafkajs and what Node has.
const { createHash, verify } = require("node:crypto"), { readFileSync } = require("node:fs"), { Kafka } = require("kafkajs");
const [bootstrap, contract, jwks, schema] = process.argv.slice(2).map((one, at) => (at < 2 ? one : JSON.parse(readFileSync(one))));
const keys = Object.fromEntries(jwks.keys.map((key) => [key.kid, key]));
const unb64 = (text) => Buffer.from(text, "base64url");
const H = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
const sorted = (value) => Array.isArray(value) ? value.map(sorted) : value === null || typeof value !== "object" ? value
  : Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
const jcs = (value) => JSON.stringify(sorted(value));
const pick = (from, names) => Object.fromEntries(names.map((name) => [name, from[name]]));
const need = (holds) => holds || console.error("it does not verify, or a number is missing and must be pulled") || process.exit(1);
function opened(token, typ, signer, leaf = null, at = 0, path = []) { // format.md 3, 8: by a current key, holding the leaf
  const [header, payload, signature] = token.split(".");
  const key = keys[JSON.parse(unb64(header)).kid], said = JSON.parse(unb64(payload));
  need(verify(null, Buffer.from(`${header}.${payload}`), { key, format: "jwk" }, unb64(signature)));
  need(unb64(header).equals(Buffer.from(jcs({ alg: "Ed25519", kid: key.kid, typ }))) && said[signer] === key.party);
  need(!key.retired_at && !key.revoked_at && !key.compromised_since);
  return need(!leaf || root(leaf, at, said.count, path).equals(unb64(said.root))) && said;
}
function root(leaf, at, count, path) { // RFC 9162, 2.1
  need(at >= 0 && at < count && path.length > 0 === count > 1);
  if (count === 1) return leaf;
  const left = 2 ** (Math.ceil(Math.log2(count)) - 1), last = unb64(path.at(-1)), rest = path.slice(0, -1);
  return at < left ? H([1], root(leaf, at, left, rest), last) : H([1], last, root(leaf, at - left, count - left, rest));
}
const slot = (record, path, [names, column] = path.split("[]."), value = names.split(".").reduce((part, name) => part[name], record)) =>
  column && value !== null ? value.map((row) => row[column]) : value;
function verified(event, number) { // format.md 5, 9: what the event proves to show, by slot, where it is that number
  const proof = event.proof, record = event.record || {}, shown = {}; let leaf = null, hidden = 0;
  if (["upsert", "withdrawn"].includes(event.kind)) {
    for (const path of [...Object.keys(proof.salts), ...proof.treated]) shown[path] = slot(record, path);
    const digest = (path) => path in proof.salts ? H([2], unb64(proof.salts[path]), jcs([path, shown[path]]))
      : unb64(proof.hidden).subarray(hidden, (hidden += 32));
    const said = { type: "record/1", ...pick(record, ["feed", "schema_version", "record_id", "status"]), revision: proof.revision };
    leaf = H([0], jcs({ ...said, digests: Buffer.concat(schema["x-slots"].map(digest)).toString("base64url") }));
    opened(proof.batch, "fuyuan-batch+jws", "issuer", leaf, proof.index, proof.path);
  }
  const said = pick(event, ["contract", "contract_version", "lane", "number", "kind", "cause", "notice"]);
  const about = { feed: record.feed ?? null, record_id: record.record_id ?? null, record_leaf: leaf && leaf.toString("base64url") };
  const delivery = H([0], jcs({ type: "delivery/1", ...said, ...about, treated: pick(shown, proof.treated) }));
  const run = opened(proof.run, "fuyuan-run+jws", "gateway", delivery, proof.run_index, proof.run_path);
  return need(run.contract === contract && run.lane === event.lane && run.first + proof.run_index === number) && shown;
}
const state = new Map(), seen = { bulk: 0, priority: 0 }; let heads = {};
function keep({ kind, cause, record }, shown) { // the greatest cause stands, in whatever order the lanes bring it
  if (record && cause > (state.get(record.record_id)?.cause ?? 0))
    state.set(record.record_id, { cause, shown: kind === "upsert" ? shown : null });
}
async function take({ topic, message: { value, headers } }) {
  const lane = topic.split(".")[2], body = JSON.parse(value), event = { ...JSON.parse(headers["fuyuan-event"] ?? "{}"), record: body, notice: null };
  if (event.kind === "contract") Object.assign(event, { record: null, notice: body });
  if (!headers["fuyuan-event"]) heads = opened(body.heads, "fuyuan-heartbeat+jws", "gateway").heads;
  else if (event.number > seen[lane]) keep(event, verified(event, ++seen[lane])); // what was read already may come again
  if (jcs(heads) === jcs(seen)) console.log(JSON.stringify({ seen, live: [...state.values()].map((one) => one.shown).filter(Boolean) }));
}
const consumer = new Kafka({ brokers: bootstrap.split(",") }).consumer({ groupId: `fuyuan.${contract}.${process.pid}` });
consumer.connect()
  .then(() => consumer.subscribe({ topics: Object.keys(seen).map((lane) => `fuyuan.${contract}.${lane}`), fromBeginning: true }))
  .then(() => consumer.run({ autoCommit: false, eachMessage: take }));
