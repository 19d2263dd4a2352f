/** From the service's replies and statuses to the client's own values and errors. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { type Metadata, type ServiceError, status as Status } from "@grpc/grpc-js";
import type { Decision, Mask, Obligation, Reason } from "./decisions.js";
import {
  AccessDeniedError,
  DecisionUnavailableError,
  type JingxiError,
  ProtocolError,
  RequestRejectedError,
  RevisionTooOldError,
  UnknownMessageError,
  type Violation,
} from "./errors.js";
import type { DecideResponse } from "./gen/pdp/v1/decision_service_pb.js";
import {
  DiagnosticCode,
  Effect,
  type Obligation as ObligationMessage,
  ReasonKind,
  type Verdict,
} from "./gen/pdp/v1/types_pb.js";
import { FULL, maskOf } from "./message-map.js";

const NO_REASON: Reason = { kind: "", rule: "", title: { zh: "", en: "" }, grantId: "", undecided: false };

/** Return a reply as a Decision. A verdict that this client does not understand masks in full. */
export function decisionOf(reply: DecideResponse, requestId: string): Decision {
  const masks = reply.masks.map(maskOf);
  return {
    decisionId: reply.decisionId,
    requestId: reply.requestId || requestId,
    revision: reply.revision,
    policyHash: reply.policyHash,
    verdicts: reply.verdicts.map((v) => ({ field: v.field, mask: shown(masks, v), reason: reasonOf(reply, v) })),
    obligations: reply.obligations.map(obligationOf),
    diagnostics: reply.diagnostics.map((d) => ({
      code: nameOf(DiagnosticCode, d.code),
      message: d.message,
      subject: d.subject,
      attributes: d.attributes,
    })),
  };
}

// What replies of one bundle share is the same objects in each.
const obligations = new WeakMap<ObligationMessage, Obligation>();

function obligationOf(message: ObligationMessage): Obligation {
  let found = obligations.get(message);
  if (found === undefined) {
    const { type, parameters, fields, rule } = message;
    found = { type, parameters, fields, rule };
    obligations.set(message, found);
  }
  return found;
}

/** Throw ProtocolError unless an answer is about the fields that were asked for, in their order. */
export function checkVerdicts(reply: DecideResponse, fields: readonly string[]): void {
  if (reply.verdicts.length !== fields.length || reply.verdicts.some((v, i) => v.field !== fields[i])) {
    throw new ProtocolError(
      `Decide answered about ${reply.verdicts.length} fields, not the ${fields.length} asked for in order`,
    );
  }
}

/** Return the error that a failed call stands for. */
export function errorOf(error: ServiceError, call: string): JingxiError {
  const name = Status[error.code] ?? "UNKNOWN";
  const { reason, violations } = details(error.metadata);
  const says = `${call} failed: ${error.details || name}`;
  const options = { cause: error };
  switch (error.code) {
    case Status.INVALID_ARGUMENT:
    case Status.NOT_FOUND:
    case Status.OUT_OF_RANGE:
      return reason === "ERROR_REASON_UNKNOWN_MESSAGE"
        ? new UnknownMessageError(says, violations, options)
        : new RequestRejectedError(says, violations, options);
    case Status.UNAUTHENTICATED:
    case Status.PERMISSION_DENIED:
      return new AccessDeniedError(says, options);
    case Status.FAILED_PRECONDITION:
      if (reason === "ERROR_REASON_REVISION_TOO_OLD") return new RevisionTooOldError(says, name, options);
      break;
    case Status.DEADLINE_EXCEEDED:
      return new DecisionUnavailableError(`${call} took longer than its deadline`, name, options);
  }
  return new DecisionUnavailableError(`${says} (${name})`, name, options);
}

function shown(masks: readonly Mask[], verdict: Verdict): Mask | null {
  if (verdict.effect === Effect.UNMASK) return null;
  return (verdict.effect === Effect.MASK ? masks[verdict.mask] : undefined) ?? FULL;
}

function reasonOf(reply: DecideResponse, verdict: Verdict): Reason {
  const found = reply.reasons[verdict.reason];
  if (found === undefined) return NO_REASON;
  const title = { zh: found.title?.zh ?? "", en: found.title?.en ?? "" };
  const { rule, grantId, undecided } = found;
  return { kind: nameOf(ReasonKind, found.kind), rule, title, grantId, undecided };
}

/** Return an enum's value in lower case; empty for 0 and for one that this client does not know. */
function nameOf(names: Readonly<Record<number, string>>, value: number): string {
  return value === 0 ? "" : (names[value]?.toLowerCase() ?? "");
}

/** What is read of google.rpc.Status: the ErrorInfo's reason and the BadRequest's violations. */
interface Details {
  readonly reason: string;
  readonly violations: readonly Violation[];
}

function details(metadata: Metadata | undefined): Details {
  let reason = "";
  const violations: Violation[] = [];
  try {
    for (const entry of metadata?.get("grpc-status-details-bin") ?? []) {
      if (typeof entry === "string") continue;
      for (const detail of submessages(entry, 3)) {
        const type = text(detail, 1).split("/").at(-1);
        const [value = new Uint8Array()] = submessages(detail, 2);
        if (type === "google.rpc.ErrorInfo") reason = text(value, 1);
        if (type !== "google.rpc.BadRequest") continue;
        for (const found of submessages(value, 1)) {
          violations.push({ field: text(found, 1), description: text(found, 2) });
        }
      }
    }
  } catch {
    // Details that cannot be read are no reason to hide the error itself.
    return { reason: "", violations: [] };
  }
  return { reason, violations };
}

/** Return the bytes of a message's fields of this number; their types are not needed to be told here. */
function submessages(data: Uint8Array, number: number): Uint8Array[] {
  const reader = new BinaryReader(data);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === number && wireType === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return found;
}

function text(data: Uint8Array, number: number): string {
  const [first] = submessages(data, number);
  return first === undefined ? "" : new TextDecoder().decode(first);
}
