package dev.jingxi.client.offline.internal;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.jingxi.client.errors.BundleException;
import dev.jingxi.client.errors.RequestRejectedException;
import dev.jingxi.pdp.v1.Bundle;
import dev.jingxi.pdp.v1.DecideRequest;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.Effect;
import dev.jingxi.pdp.v1.ExpectedVerdict;
import dev.jingxi.pdp.v1.GetMessageMapResponse;
import dev.jingxi.pdp.v1.GoldenCase;
import dev.jingxi.pdp.v1.Grant;
import dev.jingxi.pdp.v1.MessageMap;
import dev.jingxi.pdp.v1.SignedBundle;
import dev.jingxi.pdp.v1.Verdict;
import dev.jingxi.client.internal.messages.MappedMessage;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A bundle that passed every test, ready to decide. */
public final class LoadedBundle {
    private static final int MAX_BYTES = 64 * 1024 * 1024;
    private static final int FORM = 1;

    private final SignedBundle signed;
    private final Decider decider;
    private final Map<List<String>, MappedMessage> maps = new HashMap<>();

    private LoadedBundle(SignedBundle signed, Bundle bundle, Decider decider) {
        this.signed = signed;
        this.decider = decider;
        GetMessageMapResponse.Builder shared = GetMessageMapResponse.newBuilder()
                .setRevision(signed.getRevision()).setPolicyHash(signed.getHash());
        bundle.getAttributesList().forEach(a -> shared.putAttributeTypes(a.getName(), a.getType()));
        for (MessageMap map : bundle.getMessageMapsList()) {
            GetMessageMapResponse response = shared.clone().setMessageMap(map).build();
            maps.put(List.of(map.getApplication(), map.getName()), new MappedMessage(response));
        }
    }

    /**
     * Reads a serialized SignedBundle. `trust` null trusts everything, for tools that compare; `inUse` is the revision that
     * must not be gone back from. Throws BundleException.
     */
    public static LoadedBundle read(byte[] data, Trust trust, long inUse) {
        if (data.length > MAX_BYTES) {
            throw new BundleException("wrong_format", "the bundle is larger than " + MAX_BYTES + " bytes", null);
        }
        SignedBundle signed;
        try {
            signed = SignedBundle.parseFrom(data);
        } catch (InvalidProtocolBufferException error) {
            throw new BundleException("wrong_format", "the file is no bundle, or is cut off", error);
        }
        if (trust != null) {
            trust.verify(signed);
        }
        if (signed.getRevision() < inUse) {
            throw new BundleException("goes_back",
                    "the bundle is of revision " + signed.getRevision() + ", and " + inUse + " is in use", null);
        }
        Bundle bundle;
        try {
            bundle = Bundle.parseFrom(signed.getBundle());
        } catch (InvalidProtocolBufferException error) {
            throw new BundleException("wrong_format", "the bundle's content cannot be read", error);
        }
        if (bundle.getFormat() != FORM) {
            throw new BundleException("wrong_format",
                    "the bundle has form " + bundle.getFormat() + "; update this client", null);
        }
        Decider decider = new Decider(bundle, signed.getRevision(), signed.getHash());
        bundle.getGoldenCasesList().forEach(golden -> reproduce(golden, decider));
        return new LoadedBundle(signed, bundle, decider);
    }

    private static void reproduce(GoldenCase golden, Decider decider) {
        Map<String, Grant> grants = new HashMap<>();
        golden.getGrantsList().forEach(grant -> grants.put(grant.getId(), grant));
        DecideResponse response;
        try {
            DecideRequest request = DecideRequest.parseFrom(golden.getRequest());
            response = decider.decide(request, instant(golden.getNowNanos()), grants::get).response();
        } catch (InvalidProtocolBufferException | RequestRejectedException error) {
            throw new BundleException("golden_case", "golden case `" + golden.getName() + "` cannot be decided", error);
        }
        boolean same = response.getVerdictsCount() == golden.getExpectedCount();
        for (int i = 0; same && i < response.getVerdictsCount(); i++) {
            Verdict verdict = response.getVerdicts(i);
            ExpectedVerdict expected = golden.getExpected(i);
            same = verdict.getField().equals(expected.getField()) && verdict.getEffect() == expected.getEffect()
                    && (verdict.getEffect() == Effect.EFFECT_UNMASK || isSame(expected, response, verdict));
        }
        if (!same) {
            throw new BundleException("golden_case",
                    "golden case `" + golden.getName() + "` comes out otherwise than it must; update this client", null);
        }
    }

    private static boolean isSame(ExpectedVerdict expected, DecideResponse response, Verdict verdict) {
        return !expected.hasMask() || expected.getMask().equals(response.getMasks(verdict.getMask()));
    }

    static Instant instant(long nanos) {
        return Instant.ofEpochSecond(Math.floorDiv(nanos, 1_000_000_000L), Math.floorMod(nanos, 1_000_000_000L));
    }

    /** Returns what decides by it. */
    public Decider decider() {
        return decider;
    }

    /** Returns it as it came. */
    public SignedBundle signed() {
        return signed;
    }

    /** Returns the map of a message; null for none. */
    public MappedMessage map(String application, String name) {
        return maps.get(List.of(application, name));
    }
}
