/** From the answers to a message's questions to what its caller gets. */
import type { Answer } from "./asking.js";
import { type Masked, obligationsOf } from "./decisions.js";
import { maskedCopy } from "./masking.js";
import type { MaskSettings } from "./masks.js";
import type { Plan } from "./message-map.js";
import { show } from "./paths.js";

/** Return the masked copy with the answers, one for each question of the plan. */
export function maskedBy(
  message: unknown,
  asked: Plan,
  answers: readonly Answer[],
  requestId: string,
  settings: MaskSettings,
): Masked {
  const chosen = answers.map((answer) => answer.decision);
  const { copy, problems } = maskedCopy(message, asked, chosen, settings);
  const decisions = asked.questions.map((question, i) => ({
    part: question.part.name,
    place: show(question.place),
    decision: answers[i]?.decision ?? null,
    error: answers[i]?.error ?? "",
  }));
  const failed = decisions.filter((part) => part.decision === null);
  return {
    message: copy,
    decisions,
    obligations: obligationsOf(decisions),
    requestId,
    policyHash: answers[0]?.policyHash ?? asked.map.policyHash,
    problems: [
      ...asked.problems,
      ...failed.map((part) => `${part.place} was masked in full: ${part.error}`),
      ...problems,
    ],
    fallback: null,
  };
}
