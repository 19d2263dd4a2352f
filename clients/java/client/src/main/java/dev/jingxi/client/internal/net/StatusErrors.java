package dev.jingxi.client.internal.net;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import dev.jingxi.client.errors.AccessDeniedException;
import dev.jingxi.client.errors.DecisionUnavailableException;
import dev.jingxi.client.errors.JingxiException;
import dev.jingxi.client.errors.RequestRejectedException;
import dev.jingxi.client.errors.RevisionTooOldException;
import dev.jingxi.client.errors.UnknownMessageException;
import dev.jingxi.client.errors.Violation;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** From the status of a failed call to the error that it stands for. */
public final class StatusErrors {
    private StatusErrors() {}

    static JingxiException of(StatusRuntimeException error, String call) {
        Status.Code code = error.getStatus().getCode();
        String description = error.getStatus().getDescription();
        String says = call + " failed: " + (description == null ? code.name() : description);
        Details details = details(error);
        switch (code) {
            case INVALID_ARGUMENT:
            case NOT_FOUND:
            case OUT_OF_RANGE:
                return details.reason.equals("ERROR_REASON_UNKNOWN_MESSAGE")
                        ? new UnknownMessageException(says, details.violations, error)
                        : new RequestRejectedException(says, details.violations, error);
            case UNAUTHENTICATED:
            case PERMISSION_DENIED:
                return new AccessDeniedException(says, error);
            case FAILED_PRECONDITION:
                if (details.reason.equals("ERROR_REASON_REVISION_TOO_OLD")) {
                    return new RevisionTooOldException(says, code.name(), error);
                }
                break;
            case DEADLINE_EXCEEDED:
                return new DecisionUnavailableException(call + " took longer than its deadline", code.name(), error);
            default:
                break;
        }
        return new DecisionUnavailableException(says + " (" + code + ")", code.name(), error);
    }

    /** Returns the number that the service expects next, when that is why it refused a report; else null. */
    public static Long expectedSequence(Throwable error) {
        if (!(error instanceof StatusRuntimeException)) {
            return null;
        }
        Details details = details((StatusRuntimeException) error);
        String expected = details.metadata.getOrDefault("expected", "");
        boolean told = details.reason.equals("ERROR_REASON_OUT_OF_SEQUENCE") && expected.matches("[0-9]{1,18}");
        return told ? Long.valueOf(expected) : null;
    }

    private static final class Details {
        String reason = "";
        Map<String, String> metadata = Map.of();
        final List<Violation> violations = new ArrayList<>();
    }

    private static Details details(StatusRuntimeException error) {
        Details found = new Details();
        try {
            com.google.rpc.Status status = StatusProto.fromThrowable(error);
            for (Any detail : status == null ? List.<Any>of() : status.getDetailsList()) {
                if (detail.is(ErrorInfo.class)) {
                    found.reason = detail.unpack(ErrorInfo.class).getReason();
                    found.metadata = detail.unpack(ErrorInfo.class).getMetadataMap();
                } else if (detail.is(BadRequest.class)) {
                    detail.unpack(BadRequest.class).getFieldViolationsList().forEach(
                            v -> found.violations.add(new Violation(v.getField(), v.getDescription())));
                }
            }
        } catch (IllegalArgumentException | InvalidProtocolBufferException unreadable) {
            return new Details();
        }
        return found;
    }
}
