package dev.jingxi.client.spring;

import dev.jingxi.client.ConnectionBuilder;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.offline.OfflineBuilder;
import dev.jingxi.client.offline.OfflineClient;
import java.nio.file.Path;
import java.util.function.Consumer;

/** The offline client; a class of its own, because its module may not be there. */
final class OfflineSetup {
    private OfflineSetup() {}

    static JingxiClient client(JingxiProperties properties, Consumer<ConnectionBuilder<?>> shared) {
        OfflineBuilder builder = OfflineClient.builder(properties.targets().toArray(String[]::new));
        shared.accept(builder);
        JingxiProperties.Offline offline = properties.offline();
        builder.trust(offline.trust().toArray(Path[]::new));
        if (offline.bundleFile() != null) {
            builder.bundleFile(offline.bundleFile());
        }
        if (offline.maxAge() != null) {
            builder.maxAge(offline.maxAge());
        }
        return offline.recordAsync() ? builder.recordAsync().build() : builder.build();
    }
}
