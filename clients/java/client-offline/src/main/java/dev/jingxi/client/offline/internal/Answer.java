package dev.jingxi.client.offline.internal;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;
import dev.jingxi.client.Decision;
import dev.jingxi.client.internal.messages.Replies;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.Diagnostic;
import dev.jingxi.pdp.v1.OfflineDecision;
import java.io.IOException;
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

    /** Returns what is recorded of it, serialized: `begun` is the record without the response. */
    byte[] record(OfflineDecision begun, String decisionId) {
        DecideResponse own = DecideResponse.newBuilder().setDecisionId(decisionId).setRequestId(requestId)
                .addAllDiagnostics(diagnostics).build();
        int size = own.getSerializedSize() + said.lean.size();
        byte[] record = new byte[begun.getSerializedSize() + size
                + CodedOutputStream.computeTagSize(OfflineDecision.RESPONSE_FIELD_NUMBER)
                + CodedOutputStream.computeUInt32SizeNoTag(size)];
        CodedOutputStream out = CodedOutputStream.newInstance(record);
        try {
            begun.writeTo(out);
            out.writeTag(OfflineDecision.RESPONSE_FIELD_NUMBER, WireFormat.WIRETYPE_LENGTH_DELIMITED);
            out.writeUInt32NoTag(size);
            // The bytes of two messages after one another are those of both put together.
            own.writeTo(out);
            out.writeRawBytes(said.lean);
            out.checkNoSpaceLeft();
        } catch (IOException error) {
            throw new IllegalStateException("the array of a record was measured wrongly", error);
        }
        return record;
    }

    /** Returns it as callers see it. */
    public Decision decision(String decisionId) {
        return new Decision(decisionId, requestId, said.response.getRevision(), said.response.getPolicyHash(),
                said.verdicts, said.obligations, Replies.diagnostics(diagnostics));
    }
}
