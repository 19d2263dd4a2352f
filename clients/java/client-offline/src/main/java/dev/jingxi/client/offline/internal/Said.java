package dev.jingxi.client.offline.internal;

import com.google.protobuf.ByteString;
import dev.jingxi.client.Obligation;
import dev.jingxi.client.Verdict;
import dev.jingxi.client.internal.messages.Replies;
import dev.jingxi.client.offline.internal.PlannedRule.Result;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.Effect;
import dev.jingxi.pdp.v1.Mask;
import dev.jingxi.pdp.v1.Reason;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * What the rules that apply say about fields: the part of an answer that follows from them alone, in all its forms. Many
 * answers share it.
 */
final class Said {
    private static final String PUBLIC_LEVEL = "C1";

    /** The answer without ids and diagnostics. */
    final DecideResponse response;
    /** The same as it is recorded, serialized: the service has the parameters of masks and the titles of rules. */
    final ByteString lean;
    final List<Verdict> verdicts;
    final List<Obligation> obligations;
    /** Whether it unmasks anything that is not public. */
    final boolean shows;

    Said(DecideResponse response, Function<String, String> levels) {
        this.response = response;
        this.lean = lean(response).toByteString();
        this.verdicts = List.copyOf(Replies.verdicts(response));
        this.obligations = List.copyOf(Replies.obligations(response));
        this.shows = response.getVerdictsList().stream().anyMatch(verdict ->
                verdict.getEffect() == Effect.EFFECT_UNMASK && !levels.apply(verdict.getField()).equals(PUBLIC_LEVEL));
    }

    private static DecideResponse lean(DecideResponse response) {
        DecideResponse.Builder lean = response.toBuilder().clearMasks().clearReasons();
        for (Mask mask : response.getMasksList()) {
            lean.addMasks(Mask.newBuilder().setName(mask.getName()).setAlgorithm(mask.getAlgorithm()));
        }
        for (Reason reason : response.getReasonsList()) {
            lean.addReasons(reason.toBuilder().clearTitle());
        }
        return lean.build();
    }

    /** The rules that apply, each as its number and whether it is undecided. */
    static final class Key {
        private final int[] rules;

        private Key(int[] rules) {
            this.rules = rules;
        }

        /** Returns the key of results; null where one is under a grant, which the answer names. */
        static Key of(List<Result> results) {
            int[] rules = new int[results.size()];
            for (int i = 0; i < rules.length; i++) {
                Result result = results.get(i);
                if (result.grant != null) {
                    return null;
                }
                rules[i] = result.rule.number << 1 | (result.undecided ? 1 : 0);
            }
            return new Key(rules);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Key && Arrays.equals(rules, ((Key) other).rules);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(rules);
        }
    }
}
