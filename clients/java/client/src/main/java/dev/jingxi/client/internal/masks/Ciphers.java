package dev.jingxi.client.internal.masks;

import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.errors.MaskUnavailableException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import org.bouncycastle.crypto.BlockCipher;
import org.bouncycastle.crypto.InvalidCipherTextException;
import org.bouncycastle.crypto.engines.AESEngine;
import org.bouncycastle.crypto.engines.SM4Engine;
import org.bouncycastle.crypto.modes.GCMBlockCipher;
import org.bouncycastle.crypto.modes.GCMModeCipher;
import org.bouncycastle.crypto.params.AEADParameters;
import org.bouncycastle.crypto.params.KeyParameter;

/**
 * The mask `encrypt`: AES-GCM or SM4-GCM (GB/T 32907) in an envelope, as base64url without padding.
 *
 * <p>Envelope: 1, the cipher, the length of the key id, the key id, the nonce (12 bytes), the ciphertext, the tag (16
 * bytes); what stands before the nonce is authenticated too.
 */
public final class Ciphers {
    private static final byte VERSION = 1;
    private static final byte AES_GCM = 1;
    private static final byte SM4_GCM = 2;
    private static final int NONCE = 12;
    private static final int TAG = 16;

    private Ciphers() {}

    static TextMask encrypt(Parameters p, MaskSetting setting) {
        byte cipher = p.text("cipher").equals("sm4-gcm") ? SM4_GCM : AES_GCM;
        byte[] id = p.text("key").getBytes(StandardCharsets.UTF_8);
        if (id.length > 64) {
            throw new MaskUnavailableException("parameter `key` is longer than 64 characters");
        }
        byte[] key = key(cipher, setting.keys, p.text("key"));
        byte[] head = new byte[3 + id.length];
        head[0] = VERSION;
        head[1] = cipher;
        head[2] = (byte) id.length;
        System.arraycopy(id, 0, head, 3, id.length);
        return text -> {
            byte[] nonce = new byte[NONCE];
            setting.nonces.accept(nonce);
            byte[] plain = text.getBytes(StandardCharsets.UTF_8);
            GCMModeCipher gcm = gcm(cipher, true, key, nonce, head);
            byte[] out = Arrays.copyOf(head, head.length + NONCE + plain.length + TAG);
            System.arraycopy(nonce, 0, out, head.length, NONCE);
            int written = gcm.processBytes(plain, 0, plain.length, out, head.length + NONCE);
            try {
                gcm.doFinal(out, head.length + NONCE + written);
            } catch (InvalidCipherTextException impossible) {
                throw new IllegalStateException("encrypting checks no tag", impossible);
            }
            return Base64.getUrlEncoder().withoutPadding().encodeToString(out);
        };
    }

    /** Returns the value in an envelope. Throws MaskUnavailableException. */
    public static String decrypt(String text, KeyProvider keys) {
        byte[] all;
        try {
            all = Base64.getUrlDecoder().decode(text);
        } catch (IllegalArgumentException error) {
            throw new MaskUnavailableException("the text is no base64url");
        }
        int head = all.length < 3 ? 3 : 3 + (all[2] & 0xFF);
        if (all.length < head + NONCE + TAG || all[0] != VERSION || all[1] != AES_GCM && all[1] != SM4_GCM) {
            throw new MaskUnavailableException("the text is no envelope of the mask `encrypt`");
        }
        String id = new String(all, 3, head - 3, StandardCharsets.UTF_8);
        byte[] nonce = Arrays.copyOfRange(all, head, head + NONCE);
        GCMModeCipher gcm = gcm(all[1], false, key(all[1], keys, id), nonce, Arrays.copyOf(all, head));
        byte[] plain = new byte[all.length - head - NONCE - TAG];
        try {
            int written = gcm.processBytes(all, head + NONCE, plain.length + TAG, plain, 0);
            gcm.doFinal(plain, written);
        } catch (InvalidCipherTextException error) {
            throw new MaskUnavailableException("the envelope was changed, or key `" + id + "` is not the one it was made with");
        }
        return new String(plain, StandardCharsets.UTF_8);
    }

    private static byte[] key(byte cipher, KeyProvider keys, String id) {
        return cipher == SM4_GCM ? KeyMaterial.sm4(keys, id) : KeyMaterial.aes(keys, id);
    }

    private static GCMModeCipher gcm(byte cipher, boolean encrypt, byte[] key, byte[] nonce, byte[] head) {
        BlockCipher block = cipher == SM4_GCM ? new SM4Engine() : AESEngine.newInstance();
        GCMModeCipher gcm = GCMBlockCipher.newInstance(block);
        gcm.init(encrypt, new AEADParameters(new KeyParameter(key), TAG * 8, nonce, head));
        return gcm;
    }
}
