package dev.jingxi.client.spring;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.Keys;
import dev.jingxi.client.MaskRequest;
import dev.jingxi.client.Subject;
import dev.jingxi.client.errors.ClientClosedException;
import dev.jingxi.client.errors.ConfigurationException;
import dev.jingxi.client.jackson.BeanMasking;
import dev.jingxi.client.jackson.JingxiModule;
import dev.jingxi.testing.Service;
import dev.jingxi.testing.Vectors;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

class JingxiAutoConfigurationTest {
    @TempDir
    Path folder;

    private final ApplicationContextRunner runner = new ApplicationContextRunner()
            .withConfiguration(AutoConfigurations.of(JingxiAutoConfiguration.class));

    @Test
    void aClientIsSetUpFromProperties() {
        try (Service service = Service.shared(folder.resolve("service"))) {
            JingxiClient[] kept = {null};
            runner.withPropertyValues("jingxi.targets=" + service.address(), "jingxi.deadline=20s",
                    "jingxi.state-folder=" + folder.resolve("state"), "jingxi.keys=" + folder).run(context -> {
                        kept[0] = context.getBean(JingxiClient.class);
                        kept[0].prepare("core-counter", "customer-detail");
                        assertThat(kept[0].status().breaker()).isEqualTo("closed");
                        assertThat(folder.resolve("state/lock")).exists();
                        assertThat(context).hasSingleBean(JingxiModule.class).doesNotHaveBean(BeanMasking.class);
                    });
            assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> kept[0].prepare("a", "b")))
                    .isInstanceOf(ClientClosedException.class);
        }
    }

    @Test
    void beansOfTheApplicationWin() {
        runner.withBean(ObjectMapper.class)
                .withPropertyValues("jingxi.targets=127.0.0.1:1").withBean(KeyProvider.class, Keys::none)
                .run(context -> assertThat(context).hasSingleBean(KeyProvider.class).hasSingleBean(BeanMasking.class));
        runner.withPropertyValues("jingxi.enabled=false").run(context -> assertThat(context).doesNotHaveBean(JingxiClient.class));
    }

    @Test
    void mistakesAreToldAtStart() {
        runner.run(context -> assertThat(context.getStartupFailure()).rootCause().isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("jingxi.targets"));
        runner.withPropertyValues("jingxi.targets=pdp.bank.example:7443").run(context ->
                assertThat(context.getStartupFailure()).rootCause().isInstanceOf(ConfigurationException.class)
                        .hasMessageContaining("no credentials"));
    }

    @Test
    void anOfflineClientIsSetUpToo() {
        runner.withPropertyValues("jingxi.offline.enabled=true", "jingxi.state-folder=" + folder.resolve("state"),
                "jingxi.offline.bundle-file=" + Vectors.folder().resolve("bundles/bank.pb"),
                "jingxi.offline.trust=" + Vectors.folder().resolve("bundles/test.pub")).run(context -> {
                    JingxiClient client = context.getBean(JingxiClient.class);
                    assertThat(client.status().revision()).isEqualTo(7);
                    assertThat(client.mask(Vectors.plain(Service.sample("core-counter.customer-detail.json")),
                            MaskRequest.of("core-counter", "customer-detail", Subject.of("T1001"))).problems()).isEmpty();
                });
    }
}
