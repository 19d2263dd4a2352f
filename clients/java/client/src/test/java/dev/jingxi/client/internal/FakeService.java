package dev.jingxi.client.internal;

import com.google.protobuf.Any;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import dev.jingxi.pdp.v1.AttributeType;
import dev.jingxi.pdp.v1.BatchItem;
import dev.jingxi.pdp.v1.BatchResult;
import dev.jingxi.pdp.v1.DecideBatchRequest;
import dev.jingxi.pdp.v1.DecideBatchResponse;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.DecisionServiceGrpc;
import dev.jingxi.pdp.v1.Effect;
import dev.jingxi.pdp.v1.FieldPaths;
import dev.jingxi.pdp.v1.GetMessageMapRequest;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.ItemError;
import dev.jingxi.pdp.v1.MessageMap;
import dev.jingxi.pdp.v1.MessagePart;
import dev.jingxi.pdp.v1.Value;
import io.grpc.BindableService;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;

/** A decision service on a real socket whose answers the tests choose. */
public final class FakeService extends DecisionServiceGrpc.DecisionServiceImplBase implements AutoCloseable {
    public final List<Object> calls = new CopyOnWriteArrayList<>();
    public volatile Consumer<Object> before = request -> {};
    public volatile String policyHash = "h1";
    public volatile GetMessageMapResponse map = map("mobile", "name").build();
    public volatile Function<BatchItem, Object> answer = item -> masked("mobile", "name");
    public final FakeReports reports = new FakeReports();
    private Server server;

    public static GetMessageMapResponse.Builder map(String... fields) {
        MessagePart.Builder own = MessagePart.newBuilder().setPath("$").setResourceType("customer").setResourceId("$.no");
        for (String field : fields) {
            own.addFields(FieldPaths.newBuilder().setField(field).addPaths("$." + field));
        }
        MessageMap.Builder map = MessageMap.newBuilder().setApplication("core-counter").setName("customer").addParts(own);
        return GetMessageMapResponse.newBuilder().setMessageMap(map).setRevision(7)
                .putAttributeTypes("resource.balance", AttributeType.ATTRIBUTE_TYPE_DOUBLE);
    }

    public static GetMessageMapResponse.Builder withAccounts(GetMessageMapResponse.Builder response) {
        response.getMessageMapBuilder().addPartsBuilder().setName("accounts").setPath("$.accounts")
                .setResourceType("account").setResourceId("$.no")
                .addFields(FieldPaths.newBuilder().setField("account_no").addPaths("$.no"));
        return response;
    }

    /** Returns an answer that masks these fields by keep(3, 4). */
    public static DecideResponse masked(String... fields) {
        DecideResponse.Builder response = DecideResponse.newBuilder().setDecisionId("d1").setRevision(7);
        response.addMasksBuilder().setAlgorithm("keep")
                .putParameters("prefix", Value.newBuilder().setIntValue(3).build())
                .putParameters("suffix", Value.newBuilder().setIntValue(4).build());
        response.addReasonsBuilder().setRule("p/r");
        for (String field : fields) {
            response.addVerdictsBuilder().setField(field).setEffect(Effect.EFFECT_MASK);
        }
        return response.build();
    }

    public static StatusRuntimeException failure(Status.Code code, String reason) {
        com.google.rpc.Status status = com.google.rpc.Status.newBuilder()
                .setCode(code.value())
                .setMessage("says why")
                .addDetails(Any.pack(ErrorInfo.newBuilder().setReason(reason).setDomain("jingxi.dev").build()))
                .addDetails(Any.pack(BadRequest.newBuilder().addFieldViolations(
                        BadRequest.FieldViolation.newBuilder().setField("fields").setDescription("is empty")).build()))
                .build();
        return StatusProto.toStatusRuntimeException(status);
    }

    public FakeService start() {
        return start(InsecureServerCredentials.create());
    }

    public FakeService start(ServerCredentials credentials, ServerInterceptor... interceptors) {
        var builder = Grpc.newServerBuilderForPort(0, credentials).addService((BindableService) this)
                .addService(new HealthStatusManager().getHealthService()).addService(reports);
        for (ServerInterceptor interceptor : interceptors) {
            builder.intercept(interceptor);
        }
        try {
            server = builder.build().start();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return this;
    }

    public String target() {
        return "127.0.0.1:" + server.getPort();
    }

    private <A> void reply(Object request, StreamObserver<A> out, Function<Object, A> work) {
        calls.add(request);
        try {
            before.accept(request);
            out.onNext(work.apply(request));
            out.onCompleted();
        } catch (StatusRuntimeException error) {
            out.onError(error);
        }
    }

    @Override
    public void decide(DecideRequest request, StreamObserver<DecideResponse> out) {
        reply(request, out, asked -> ((DecideResponse) answer.apply(BatchItem.newBuilder()
                .setResource(request.getResource()).setMessage(request.getMessage()).addAllFields(request.getFieldsList())
                .build())).toBuilder().setRequestId(request.getRequestId()).setPolicyHash(policyHash).build());
    }

    @Override
    public void decideBatch(DecideBatchRequest request, StreamObserver<DecideBatchResponse> out) {
        reply(request, out, asked -> {
            DecideBatchResponse.Builder response =
                    DecideBatchResponse.newBuilder().setRevision(7).setPolicyHash(policyHash);
            for (BatchItem item : request.getItemsList()) {
                Object found = answer.apply(item);
                response.addResults(found instanceof ItemError
                        ? BatchResult.newBuilder().setError((ItemError) found)
                        : BatchResult.newBuilder().setDecision((DecideResponse) found));
            }
            return response.build();
        });
    }

    @Override
    public void getMessageMap(GetMessageMapRequest request, StreamObserver<GetMessageMapResponse> out) {
        reply(request, out, asked -> {
            if (!request.getName().equals("customer")) {
                throw failure(Status.Code.NOT_FOUND, "ERROR_REASON_UNKNOWN_MESSAGE");
            }
            return map.toBuilder().setPolicyHash(policyHash).build();
        });
    }

    public long count(Class<?> kind) {
        return calls.stream().filter(kind::isInstance).count();
    }

    @Override
    public void close() {
        server.shutdownNow();
        try {
            server.awaitTermination();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
