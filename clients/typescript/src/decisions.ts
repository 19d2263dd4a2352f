/** What is asked with and what is answered, as plain read-only values. */

/** A value of an attribute: a text, number, bigint, boolean, Date, Duration, list, or object of texts. */
export type AttributeValue = unknown;

/** Attributes by declared name, without `subject.`, `action.`, `resource.` or `context.` before it. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Who asks: the employee in front of the screen. */
export interface Subject {
  readonly id: string;
  readonly roles?: readonly string[] | undefined;
  readonly attributes?: Attributes | undefined;
}

/** What the employee is about to do. */
export interface Action {
  readonly name?: string | undefined;
  readonly attributes?: Attributes | undefined;
}

/** What is looked at. */
export interface Resource {
  readonly type?: string | undefined;
  readonly id?: string | undefined;
  readonly attributes?: Attributes | undefined;
}

/** A text for people in Chinese and English; either may be empty. */
export interface Text {
  readonly zh: string;
  readonly en: string;
}

/** How to mask: an algorithm with all its parameters; `name` is empty for a mask written inside a rule. */
export interface Mask {
  readonly algorithm: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly name: string;
}

/**
 * Why a verdict is as it is. `kind` is `rule`, `default` (no rule spoke), `unknown_field` or empty; `undecided` says that
 * the rule masks because its condition could not be decided.
 */
export interface Reason {
  readonly kind: string;
  readonly rule: string;
  readonly title: Text;
  readonly grantId: string;
  readonly undecided: boolean;
}

/** The answer for one field; without a `mask` it may be shown as it is. */
export interface Verdict {
  readonly field: string;
  readonly mask: Mask | null;
  readonly reason: Reason;
}

/** Something the caller must do besides; `fields` are those whose verdict carries it, `rule` asks for it. */
export interface Obligation {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly fields: readonly string[];
  readonly rule: string;
}

/** Something noteworthy about a decision; `code` is such as `undecided_rule`. */
export interface Diagnostic {
  readonly code: string;
  readonly message: string;
  readonly subject: string;
  readonly attributes: readonly string[];
}

/** The answer for one resource, verdicts in the order of the question. */
export interface Decision {
  readonly decisionId: string;
  readonly requestId: string;
  readonly revision: bigint;
  readonly policyHash: string;
  readonly verdicts: readonly Verdict[];
  readonly obligations: readonly Obligation[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The decision about the message's own fields (`part` empty) or about one item of a list, by its place. Without a
 * `decision` the service could not decide this item alone: its fields were masked in full, and `error` says why.
 */
export interface PartDecision {
  readonly part: string;
  readonly place: string;
  readonly decision: Decision | null;
  readonly error: string;
}

/** Why a client had no verdict. */
export type FallbackCause = "unavailable" | "deadline" | "bad_answer" | "breaker_open" | "overload";

/**
 * That a message was answered by the failure rule instead of decisions. `passed` names the fields shown as they are;
 * `recorded` false means that the event could not be written, and then nothing passed.
 */
export interface Fallback {
  readonly cause: FallbackCause;
  readonly detail: string;
  readonly passed: readonly string[];
  readonly recorded: boolean;
}

/**
 * A masked copy of a message, and what was decided about it.
 *
 * `obligations` are those of all parts, in order, equal ones once. `problems` names, without any value, what did not go as
 * the policy set wants it: attributes of the message that could not be read as their type (they count as missing, which
 * never unmasks), masks that this client cannot perform (their fields were dropped), items that could not be decided.
 * `fallback` is there when no verdict could be had and the failure rule answered; `decisions` is empty then.
 */
export interface Masked<T = unknown> {
  readonly message: T;
  readonly decisions: readonly PartDecision[];
  readonly obligations: readonly Obligation[];
  readonly requestId: string;
  readonly policyHash: string;
  readonly problems: readonly string[];
  readonly fallback: Fallback | null;
}

/** Return the verdict of a field that was asked for; undefined when it was not. */
export function verdictOf(decision: Decision, field: string): Verdict | undefined {
  return decision.verdicts.find((verdict) => verdict.field === field);
}

/** Return the obligations of all parts, in order, equal ones once. */
export function obligationsOf(parts: readonly PartDecision[]): Obligation[] {
  const unique = new Map<string, Obligation>();
  for (const obligation of parts.flatMap((part) => part.decision?.obligations ?? [])) {
    const key = keyOf(obligation);
    if (!unique.has(key)) unique.set(key, obligation);
  }
  return [...unique.values()];
}

// An offline client's decisions share their obligations.
const keys = new WeakMap<Obligation, string>();

/** Return a text that equal obligations have in common. */
function keyOf(obligation: Obligation): string {
  let found = keys.get(obligation);
  if (found === undefined) {
    const { type, rule, fields, parameters } = obligation;
    found = JSON.stringify([type, rule, fields, Object.entries(parameters).sort()]);
    keys.set(obligation, found);
  }
  return found;
}
