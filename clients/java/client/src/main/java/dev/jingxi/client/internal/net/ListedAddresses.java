package dev.jingxi.client.internal.net;

import io.grpc.Attributes;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.Status;
import io.grpc.StatusOr;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;

/** Resolves several addresses at once, each with its own name for TLS; gRPC for Java has no such scheme. */
final class ListedAddresses extends NameResolverProvider {
    static final String SCHEME = "jingxi-list";
    private static final int DEFAULT_PORT = 7443;

    @Override
    protected boolean isAvailable() {
        return true;
    }

    @Override
    protected int priority() {
        return 5;
    }

    @Override
    public String getDefaultScheme() {
        return SCHEME;
    }

    @Override
    public NameResolver newNameResolver(URI target, NameResolver.Args args) {
        if (!SCHEME.equals(target.getScheme())) {
            return null;
        }
        return new Resolver(List.of(target.getPath().substring(1).split(",")), args);
    }

    private static final class Resolver extends NameResolver {
        private final List<String> addresses;
        private final Args args;
        private Listener2 listener;

        Resolver(List<String> addresses, Args args) {
            this.addresses = addresses;
            this.args = args;
        }

        @Override
        public String getServiceAuthority() {
            return addresses.get(0);
        }

        @Override
        public void start(Listener2 told) {
            listener = told;
            refresh();
        }

        @Override
        public void refresh() {
            java.util.concurrent.Executor offload = args.getOffloadExecutor();
            Runnable work = () -> {
                ResolutionResult result = resolved();
                args.getSynchronizationContext().execute(() -> listener.onResult2(result));
            };
            if (offload == null) {
                work.run();
            } else {
                offload.execute(work);
            }
        }

        private ResolutionResult resolved() {
            List<EquivalentAddressGroup> groups = new ArrayList<>();
            String unknown = "";
            for (String address : addresses) {
                String host = Targets.host(address);
                String port = address.substring(address.lastIndexOf(':') + 1);
                int number = port.matches("[0-9]{1,5}") ? Integer.parseInt(port) : DEFAULT_PORT;
                Attributes name = Attributes.newBuilder()
                        .set(EquivalentAddressGroup.ATTR_AUTHORITY_OVERRIDE, address).build();
                try {
                    for (InetAddress found : InetAddress.getAllByName(host)) {
                        groups.add(new EquivalentAddressGroup(new InetSocketAddress(found, number), name));
                    }
                } catch (UnknownHostException error) {
                    unknown = host;
                }
            }
            StatusOr<List<EquivalentAddressGroup>> all = groups.isEmpty()
                    ? StatusOr.fromStatus(Status.UNAVAILABLE.withDescription("host `" + unknown + "` is not known"))
                    : StatusOr.fromValue(groups);
            return ResolutionResult.newBuilder().setAddressesOrError(all).build();
        }

        @Override
        public void shutdown() {
            // Nothing is held.
        }
    }
}
