package dev.jingxi.client.offline.internal;

import dev.jingxi.client.errors.BundleException;
import dev.jingxi.client.errors.ConfigurationException;
import dev.jingxi.client.internal.state.StateFolder;
import dev.jingxi.pdp.v1.SignedBundle;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bouncycastle.crypto.params.Ed25519PublicKeyParameters;
import org.bouncycastle.crypto.signers.Ed25519Signer;

/** The keys whose signature on a bundle counts: Ed25519 (RFC 8032), out of PEM files. */
public final class Trust {
    private static final Pattern PEM = Pattern.compile("-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\\s]+)-----END PUBLIC KEY-----");
    private static final byte[] ED25519 = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    private static final byte[] CONTEXT = "jingxi revision 1\0".getBytes(StandardCharsets.US_ASCII);

    private final Map<String, Ed25519PublicKeyParameters> keys = new HashMap<>();

    /** Reads public keys. Throws ConfigurationException. */
    public Trust(Collection<Path> files) {
        for (Path file : files) {
            Matcher pem = PEM.matcher(text(file));
            boolean any = false;
            while (pem.find()) {
                any = true;
                byte[] der = Base64.getMimeDecoder().decode(pem.group(1));
                if (der.length != 44 || !Arrays.equals(Arrays.copyOf(der, 12), ED25519)) {
                    throw new ConfigurationException("key file `" + file + "` holds a key that is not Ed25519");
                }
                byte[] raw = Arrays.copyOfRange(der, 12, 44);
                keys.put(StateFolder.hex(StateFolder.sha256(raw)).substring(0, 16), new Ed25519PublicKeyParameters(raw, 0));
            }
            if (!any) {
                throw new ConfigurationException("key file `" + file + "` holds no public key in PEM form");
            }
        }
        if (keys.isEmpty()) {
            throw new ConfigurationException("there is no trusted key; give PEM files by `trust(…)`");
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException error) {
            throw new ConfigurationException("key file `" + file + "` cannot be read: " + error, error);
        }
    }

    /** Throws BundleException unless the bundle's hash is right and a trusted key signed it. */
    void verify(SignedBundle signed) {
        byte[] hash = StateFolder.sha256(signed.getBundle().toByteArray());
        if (!StateFolder.hex(hash).equals(signed.getHash())) {
            throw new BundleException("wrong_hash", "the bundle's hash is not that of its bytes; fetch it again", null);
        }
        if (signed.getKeyId().isEmpty() || signed.getSignature().isEmpty()) {
            throw new BundleException("bad_signature", "the bundle is not signed", null);
        }
        Ed25519PublicKeyParameters key = keys.get(signed.getKeyId());
        if (key == null) {
            throw new BundleException("unknown_key", "the bundle is signed by key `" + signed.getKeyId()
                    + "`, which is not trusted; give its PEM file by `trust(…)`", null);
        }
        Ed25519Signer signer = new Ed25519Signer();
        signer.init(false, key);
        signer.update(CONTEXT, 0, CONTEXT.length);
        signer.update(ByteBuffer.allocate(8).putLong(signed.getRevision()).array(), 0, 8);
        signer.update(hash, 0, hash.length);
        if (!signer.verifySignature(signed.getSignature().toByteArray())) {
            throw new BundleException("bad_signature", "the bundle's signature is wrong", null);
        }
    }
}
