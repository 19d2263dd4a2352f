package dev.jingxi.client.internal.masks;

import dev.jingxi.client.KeyProvider;
import dev.jingxi.client.errors.MaskUnavailableException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.bouncycastle.crypto.fpe.FPEFF1Engine;
import org.bouncycastle.crypto.params.FPEParameters;
import org.bouncycastle.crypto.params.KeyParameter;

/** The mask `fpe`: FF1 of NIST SP 800-38G with AES over the characters of an alphabet; others stay in place. */
public final class FormatPreserving {
    private static final String ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static final int MAX_LENGTH = 64;
    private static final int MAX_TWEAK = 64;

    private FormatPreserving() {}

    static TextMask fpe(Parameters p, MaskSetting setting) {
        int radix = radix(p.text("alphabet"));
        FPEParameters parameters = parameters(p, radix, setting.keys);
        return text -> {
            byte[] digits = digits(text, radix);
            return fits(digits, radix) ? replaced(text, radix, run(true, parameters, digits)) : Masker.HIDDEN;
        };
    }

    /** Returns the value that the mask made this text of. Throws MaskUnavailableException. */
    public static String decrypt(Map<String, ?> given, String text, KeyProvider keys) {
        Parameters p = MaskCatalogue.parameters("fpe", given);
        int radix = radix(p.text("alphabet"));
        byte[] digits = digits(text, radix);
        if (!fits(digits, radix)) {
            throw new MaskUnavailableException("the text is too short or too long to be made by the mask `fpe`");
        }
        return replaced(text, radix, run(false, parameters(p, radix, keys), digits));
    }

    private static FPEParameters parameters(Parameters p, int radix, KeyProvider keys) {
        String tweak = p.text("tweak");
        if (Codes.count(tweak) > MAX_TWEAK) {
            throw new MaskUnavailableException("parameter `tweak` is longer than " + MAX_TWEAK + " characters");
        }
        KeyParameter key = new KeyParameter(KeyMaterial.aes(keys, p.text("key")));
        return new FPEParameters(key, radix, tweak.getBytes(StandardCharsets.UTF_8));
    }

    private static int radix(String alphabet) {
        return alphabet.equals("digits") ? 10 : alphabet.equals("alnum") ? 36 : 62;
    }

    private static boolean fits(byte[] digits, int radix) {
        return digits.length >= (radix == 10 ? 6 : 4) && digits.length <= MAX_LENGTH;
    }

    private static byte[] digits(String text, int radix) {
        byte[] found = new byte[text.length()];
        int count = 0;
        for (int i = 0; i < text.length(); i++) {
            int digit = ALPHABET.indexOf(text.charAt(i));
            if (digit >= 0 && digit < radix) {
                found[count++] = (byte) digit;
            }
        }
        return java.util.Arrays.copyOf(found, count);
    }

    private static String replaced(String text, int radix, byte[] digits) {
        StringBuilder out = new StringBuilder(text);
        int next = 0;
        for (int i = 0; i < text.length(); i++) {
            int digit = ALPHABET.indexOf(text.charAt(i));
            if (digit >= 0 && digit < radix) {
                out.setCharAt(i, ALPHABET.charAt(digits[next++]));
            }
        }
        return out.toString();
    }

    private static byte[] run(boolean encrypt, FPEParameters parameters, byte[] digits) {
        FPEFF1Engine engine = new FPEFF1Engine();
        engine.init(encrypt, parameters);
        byte[] out = new byte[digits.length];
        engine.processBlock(digits, 0, digits.length, out, 0);
        return out;
    }
}
