/** What is recorded of a decision, as bytes. */
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { OfflineDecisionSchema } from "../gen/pdp/v1/bundle_service_pb.js";
import { type DecideRequest, type DecideResponse, DecideResponseSchema } from "../gen/pdp/v1/decision_service_pb.js";
import { MaskSchema, ReasonSchema, type Verdict } from "../gen/pdp/v1/types_pb.js";

const RESPONSE = OfflineDecisionSchema.field.response.number;

// Replies of which the same rules hold share their verdicts, and all else that is written here.
const shared = new WeakMap<readonly Verdict[], Uint8Array>();

/** Return an OfflineDecision: what the bundle holds anyway is left out. */
export function recordOf(
  sequence: bigint,
  timeNanos: bigint,
  request: DecideRequest,
  reply: DecideResponse,
): Uint8Array {
  const decision = create(OfflineDecisionSchema);
  decision.sequence = sequence;
  decision.timeNanos = timeNanos;
  decision.request = request;
  const own = create(DecideResponseSchema);
  own.decisionId = reply.decisionId;
  own.requestId = reply.requestId;
  own.revision = reply.revision;
  own.policyHash = reply.policyHash;
  own.diagnostics = reply.diagnostics;
  const response = new BinaryWriter().raw(toBinary(DecideResponseSchema, own)).raw(sharedOf(reply)).finish();
  const record = new BinaryWriter().raw(toBinary(OfflineDecisionSchema, decision));
  return record.tag(RESPONSE, WireType.LengthDelimited).bytes(response).finish();
}

function sharedOf(reply: DecideResponse): Uint8Array {
  let found = shared.get(reply.verdicts);
  if (found === undefined) {
    const lean = create(DecideResponseSchema);
    lean.verdicts = reply.verdicts;
    lean.masks = reply.masks.map(({ name, algorithm }) => create(MaskSchema, { name, algorithm }));
    lean.reasons = reply.reasons.map(({ kind, rule, grantId, undecided }) =>
      create(ReasonSchema, { kind, rule, grantId, undecided }),
    );
    lean.obligations = reply.obligations;
    found = toBinary(DecideResponseSchema, lean);
    shared.set(reply.verdicts, found);
  }
  return found;
}
