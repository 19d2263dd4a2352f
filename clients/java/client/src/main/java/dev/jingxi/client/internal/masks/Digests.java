package dev.jingxi.client.internal.masks;

import dev.jingxi.client.Keys;
import dev.jingxi.client.errors.MaskUnavailableException;
import java.nio.charset.StandardCharsets;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.digests.SM3Digest;
import org.bouncycastle.crypto.macs.HMac;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.util.encoders.Hex;

/** The mask `hash`: HMAC with SHA-256 or SM3 (GB/T 32905). */
final class Digests {
    private Digests() {}

    static TextMask hash(Parameters p, MaskSetting setting) {
        byte[] key = KeyMaterial.atLeast(setting.keys, p.text("key"), Keys.MIN_BYTES);
        boolean sm3 = p.text("digest").equals("sm3");
        int digits = p.number("digits");
        if (digits < 16 || digits > 64) {
            throw new MaskUnavailableException("parameter `digits` is not from 16 to 64");
        }
        KeyParameter parameter = new KeyParameter(key);
        return text -> {
            HMac mac = new HMac(sm3 ? new SM3Digest() : new SHA256Digest());
            mac.init(parameter);
            byte[] data = text.getBytes(StandardCharsets.UTF_8);
            mac.update(data, 0, data.length);
            byte[] out = new byte[mac.getMacSize()];
            mac.doFinal(out, 0);
            return Hex.toHexString(out).substring(0, digits);
        };
    }
}
