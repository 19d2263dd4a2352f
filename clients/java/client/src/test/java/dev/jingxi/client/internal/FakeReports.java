package dev.jingxi.client.internal;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import dev.jingxi.pdp.v1.FallbackEvent;
import dev.jingxi.pdp.v1.FallbackServiceGrpc;
import dev.jingxi.pdp.v1.ReportFallbacksRequest;
import dev.jingxi.pdp.v1.ReportFallbacksResponse;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;

/** Takes reports as the service does: each number once, in order. */
public final class FakeReports extends FallbackServiceGrpc.FallbackServiceImplBase {
    private final List<FallbackEvent> events = new ArrayList<>();
    private long through;
    private boolean down;
    private boolean answerLost;

    /** Begins as a service that has recorded everything up to a number. */
    public synchronized void beginAfter(long number) {
        through = number;
    }

    public synchronized void down(boolean value) {
        down = value;
    }

    /** Records the next report and loses the answer. */
    public synchronized void loseAnswer() {
        answerLost = true;
    }

    public synchronized List<FallbackEvent> events() {
        return List.copyOf(events);
    }

    @Override
    public synchronized void reportFallbacks(ReportFallbacksRequest request, StreamObserver<ReportFallbacksResponse> out) {
        if (down) {
            out.onError(Status.INTERNAL.asRuntimeException());
            return;
        }
        long first = request.getEvents(0).getSequence();
        if (first > through + 1) {
            out.onError(StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                    .setCode(Status.Code.FAILED_PRECONDITION.value())
                    .addDetails(Any.pack(ErrorInfo.newBuilder().setReason("ERROR_REASON_OUT_OF_SEQUENCE")
                            .putMetadata("expected", Long.toString(through + 1)).build())).build()));
            return;
        }
        for (FallbackEvent event : request.getEventsList()) {
            if (event.getSequence() == through + 1) {
                events.add(event);
                through++;
            }
        }
        if (answerLost) {
            answerLost = false;
            out.onError(Status.INTERNAL.asRuntimeException());
            return;
        }
        out.onNext(ReportFallbacksResponse.newBuilder().setRecordedThrough(Math.max(through, 0)).build());
        out.onCompleted();
    }
}
