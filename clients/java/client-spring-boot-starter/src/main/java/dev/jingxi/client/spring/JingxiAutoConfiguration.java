package dev.jingxi.client.spring;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jingxi.client.Alarm;
import dev.jingxi.client.ConnectionBuilder;
import dev.jingxi.client.JingxiClient;
import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.Keys;
import dev.jingxi.client.Metrics;
import dev.jingxi.client.errors.ConfigurationException;
import dev.jingxi.client.jackson.BeanMasking;
import dev.jingxi.client.jackson.JingxiModule;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

/**
 * A client, its keys, and the Jackson module. Each is left out where the application has its own; an {@link Alarm} and
 * {@link Metrics} are used where it has them.
 */
@AutoConfiguration(
        afterName = {
            "org.springframework.boot.autoconfigure.jackson.JacksonAutoConfiguration",
            "org.springframework.boot.actuate.autoconfigure.metrics.CompositeMeterRegistryAutoConfiguration"
        })
@ConditionalOnProperty(prefix = "jingxi", name = "enabled", matchIfMissing = true)
@EnableConfigurationProperties(JingxiProperties.class)
public class JingxiAutoConfiguration {
    /** Makes it. */
    public JingxiAutoConfiguration() {}

    /**
     * {@return keys out of the folder, or of the environment}
     *
     * @param properties what is set
     */
    @Bean
    @ConditionalOnMissingBean
    public KeyProvider jingxiKeys(JingxiProperties properties) {
        return properties.keys() == null ? Keys.fromEnvironment() : Keys.fromFolder(properties.keys());
    }

    /**
     * {@return the client}
     *
     * @param properties what is set
     * @param keys the keys of masks
     * @param alarm who is told, if anybody
     * @param metrics who counts, if anybody
     */
    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    public JingxiClient jingxiClient(JingxiProperties properties, KeyProvider keys, ObjectProvider<Alarm> alarm,
            ObjectProvider<Metrics> metrics) {
        if (properties.offline().enabled()) {
            return OfflineSetup.client(properties, builder -> shared(builder, properties, keys, alarm, metrics));
        }
        if (properties.targets().isEmpty()) {
            throw new ConfigurationException("`jingxi.targets` is empty; give addresses of the service such as `pdp.bank.example:7443`");
        }
        var builder = JingxiClient.builder(properties.targets().toArray(String[]::new));
        shared(builder, properties, keys, alarm, metrics);
        return builder.build();
    }

    private static void shared(ConnectionBuilder<?> builder, JingxiProperties properties, KeyProvider keys,
            ObjectProvider<Alarm> alarm, ObjectProvider<Metrics> metrics) {
        builder.deadline(properties.deadline()).keys(keys);
        alarm.ifAvailable(builder::alarm);
        metrics.ifAvailable(builder::metrics);
        JingxiProperties.Tls tls = properties.tls();
        if (tls.certificate() != null) {
            builder.tls(tls.roots(), tls.certificate(), tls.key());
        } else if (tls.roots() != null) {
            builder.tls(tls.roots());
        } else if (tls.enabled()) {
            builder.tls();
        }
        if (properties.insecure()) {
            builder.insecure();
        }
        if (properties.token() != null) {
            builder.token(properties.token());
        }
        if (properties.stateFolder() != null) {
            builder.stateFolder(properties.stateFolder());
        }
    }

    /** {@return the module that heeds {@code @Masked}} */
    @Bean
    @ConditionalOnClass(ObjectMapper.class)
    @ConditionalOnMissingBean
    public JingxiModule jingxiModule() {
        return new JingxiModule();
    }

    /**
     * {@return what writes beans as the service decides}
     *
     * @param client who decides
     * @param mapper who writes
     * @param keys the keys of masks
     */
    @Bean
    @ConditionalOnBean(ObjectMapper.class)
    @ConditionalOnMissingBean
    public BeanMasking jingxiBeanMasking(JingxiClient client, ObjectMapper mapper, KeyProvider keys) {
        return new BeanMasking(client, mapper, keys);
    }
}
