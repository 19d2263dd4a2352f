package dev.jingxi.client.internal.net;

import dev.jingxi.client.errors.ConfigurationException;
import io.grpc.NameResolverRegistry;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.List;
import java.util.regex.Pattern;

/** Where the service is: one gRPC target, or several addresses. */
public final class Targets {
    private static final Pattern SCHEME = Pattern.compile("(?:dns|ipv4|ipv6):(?:///?)?(.*)");
    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(?:\\.[0-9]{1,3}){3}|(?:0*:)*:?0*1");

    static {
        NameResolverRegistry.getDefaultRegistry().register(new ListedAddresses());
    }

    private final String text;

    private Targets(String text) {
        this.text = text;
    }

    /** Reads targets. Throws ConfigurationException. */
    public static Targets of(List<String> targets) {
        String text = String.join(",", targets);
        if (targets.isEmpty() || targets.stream().anyMatch(String::isBlank)) {
            throw new ConfigurationException("there is no address of the service; give one such as `pdp.bank.example:7443`");
        }
        if (text.startsWith("unix") && targets.size() > 1) {
            throw new ConfigurationException("a Unix socket cannot be one of several addresses");
        }
        return new Targets(text);
    }

    /** Returns whether every address is this machine's loopback or a Unix socket. */
    public boolean isLocal() {
        if (text.startsWith("unix:") || text.startsWith("unix-abstract:")) {
            return true;
        }
        for (String address : addresses()) {
            if (!LOOPBACK.matcher(host(address)).matches()) {
                return false;
            }
        }
        return true;
    }

    /** Returns the target as gRPC takes it. */
    String forGrpc() {
        if (text.startsWith("unix") || !text.contains(",") && !text.startsWith("ipv4:") && !text.startsWith("ipv6:")) {
            return text;
        }
        try {
            return new URI(ListedAddresses.SCHEME, "", "/" + String.join(",", addresses()), null).toString();
        } catch (URISyntaxException error) {
            throw new ConfigurationException("target `" + text + "` cannot be read", error);
        }
    }

    private String[] addresses() {
        String[] found = text.split(",");
        for (int i = 0; i < found.length; i++) {
            java.util.regex.Matcher scheme = SCHEME.matcher(found[i].strip());
            found[i] = scheme.matches() ? scheme.group(1) : found[i].strip();
        }
        return found;
    }

    /** Returns the host of {@code host:port}, {@code [address]:port} or a bare address. */
    static String host(String address) {
        if (address.startsWith("[")) {
            return address.substring(1, Math.max(address.indexOf(']'), 1));
        }
        boolean bare = address.indexOf(':') != address.lastIndexOf(':');
        return bare || address.indexOf(':') < 0 ? address : address.substring(0, address.indexOf(':'));
    }

    @Override
    public String toString() {
        return text;
    }
}
