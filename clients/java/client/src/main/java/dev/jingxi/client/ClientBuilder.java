package dev.jingxi.client;

import dev.jingxi.client.internal.OnlineClient;

/** Builds clients that ask the service; see {@link JingxiClient#builder}. */
public final class ClientBuilder extends ConnectionBuilder<ClientBuilder> {
    ClientBuilder(String... targets) {
        super(targets);
    }

    @Override
    protected ClientBuilder self() {
        return this;
    }

    /**
     * {@return a client; it connects when it is first used}
     *
     * @throws dev.jingxi.client.errors.ConfigurationException when what was given makes no sense or is not safe
     */
    public JingxiClient build() {
        return new OnlineClient(connect(), keys(), stateFolder(), alarm(), metrics(), deadline(), executor());
    }
}
