package dev.jingxi.client.offline.internal;

import dev.jingxi.client.Decision;
import dev.jingxi.client.internal.messages.Replies;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.Diagnostic;
import java.util.ArrayList;
import java.util.List;

/** What was decided about one request. */
public final class Answer {
    private final Said said;
    private final String requestId;
    private final List<Diagnostic> diagnostics;

    Answer(Said said, String requestId, List<Diagnostic> diagnostics) {
        this.said = said;
        this.requestId = requestId;
        this.diagnostics = diagnostics;
    }

    /** Returns the same with one more diagnostic. */
    Answer with(Diagnostic diagnostic) {
        List<Diagnostic> all = new ArrayList<>(diagnostics);
        all.add(diagnostic);
        return new Answer(said, requestId, all);
    }

    /** Returns whether it unmasks anything that is not public. */
    boolean shows() {
        return said.shows;
    }

    /** Returns it as the service would send it, without its `decision_id`. */
    public DecideResponse response() {
        return said.response.toBuilder().setRequestId(requestId).addAllDiagnostics(diagnostics).build();
    }

    /** Returns what is recorded of it. */
    DecideResponse lean(String decisionId) {
        return said.lean.toBuilder().setDecisionId(decisionId).setRequestId(requestId).addAllDiagnostics(diagnostics).build();
    }

    /** Returns it as callers see it. */
    public Decision decision(String decisionId) {
        return new Decision(decisionId, requestId, said.response.getRevision(), said.response.getPolicyHash(),
                said.verdicts, said.obligations, Replies.diagnostics(diagnostics));
    }
}
