package dev.jingxi.client.internal.messages;

import dev.jingxi.client.Decision;
import dev.jingxi.client.Diagnostic;
import dev.jingxi.client.Mask;
import dev.jingxi.client.Obligation;
import dev.jingxi.client.Reason;
import dev.jingxi.client.Text;
import dev.jingxi.client.Verdict;
import dev.jingxi.pdp.v1.DecideResponse;
import dev.jingxi.pdp.v1.DiagnosticCode;
import dev.jingxi.pdp.v1.Effect;
import dev.jingxi.pdp.v1.ReasonKind;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** From messages of the protocol to the plain values that callers see. */
public final class Replies {
    /** Masks seen so far: a policy set has few. */
    private static final Map<dev.jingxi.pdp.v1.Mask, Mask> KNOWN = new ConcurrentHashMap<>();

    private static final int MOST_KNOWN = 4_096;

    private static final Map<ReasonKind, String> KINDS = names(ReasonKind.class, "REASON_KIND_");
    private static final Map<DiagnosticCode, String> CODES = names(DiagnosticCode.class, "DIAGNOSTIC_CODE_");

    private Replies() {}

    /** Returns a reply as a decision. A verdict that this client does not understand masks in full. */
    public static Decision decision(DecideResponse reply, String requestId) {
        return new Decision(reply.getDecisionId(), reply.getRequestId().isEmpty() ? requestId : reply.getRequestId(),
                reply.getRevision(), reply.getPolicyHash(), verdicts(reply), obligations(reply),
                diagnostics(reply.getDiagnosticsList()));
    }

    /** Returns the verdicts of a reply. */
    public static List<Verdict> verdicts(DecideResponse reply) {
        List<Mask> masks = new ArrayList<>(reply.getMasksCount());
        reply.getMasksList().forEach(mask -> masks.add(mask(mask)));
        List<Reason> reasons = new ArrayList<>(reply.getReasonsCount());
        reply.getReasonsList().forEach(reason -> reasons.add(reason(reason)));
        List<Verdict> verdicts = new ArrayList<>(reply.getVerdictsCount());
        for (dev.jingxi.pdp.v1.Verdict verdict : reply.getVerdictsList()) {
            // Unsigned on the wire: a great number is negative here, and neither is a place.
            int place = verdict.getReason();
            Reason reason = place >= 0 && place < reasons.size() ? reasons.get(place) : Reason.NONE;
            verdicts.add(new Verdict(verdict.getField(), mask(verdict, masks), reason));
        }
        return verdicts;
    }

    /** Returns the obligations of a reply. */
    public static List<Obligation> obligations(DecideResponse reply) {
        List<Obligation> obligations = new ArrayList<>();
        reply.getObligationsList().forEach(o -> obligations.add(
                new Obligation(o.getType(), o.getParametersMap(), o.getFieldsList(), o.getRule())));
        return obligations;
    }

    /** Returns diagnostics as callers see them. */
    public static List<Diagnostic> diagnostics(List<dev.jingxi.pdp.v1.Diagnostic> sources) {
        List<Diagnostic> diagnostics = new ArrayList<>(sources.size());
        sources.forEach(d -> diagnostics.add(
                new Diagnostic(name(d.getCode()), d.getMessage(), d.getSubject(), d.getAttributesList())));
        return diagnostics;
    }

    /** Returns a mask of the protocol; a parameter of an unknown kind becomes null, which no mask accepts. */
    public static Mask mask(dev.jingxi.pdp.v1.Mask source) {
        Mask known = KNOWN.get(source);
        if (known == null) {
            known = read(source);
            if (KNOWN.size() < MOST_KNOWN) {
                KNOWN.put(source, known);
            }
        }
        return known;
    }

    private static Mask read(dev.jingxi.pdp.v1.Mask source) {
        Map<String, Object> parameters = new TreeMap<>();
        source.getParametersMap().forEach((name, value) -> parameters.put(name, Values.plain(value)));
        return new Mask(source.getAlgorithm(), parameters, source.getName());
    }

    private static Mask mask(dev.jingxi.pdp.v1.Verdict verdict, List<Mask> masks) {
        if (verdict.getEffect() == Effect.EFFECT_UNMASK) {
            return null;
        }
        int place = verdict.getMask();
        boolean known = verdict.getEffect() == Effect.EFFECT_MASK && place >= 0 && place < masks.size();
        return known ? masks.get(place) : Mask.FULL;
    }

    private static Reason reason(dev.jingxi.pdp.v1.Reason source) {
        Text title = new Text(source.getTitle().getZh(), source.getTitle().getEn());
        return new Reason(name(source.getKind()), source.getRule(), title, source.getGrantId(), source.getUndecided());
    }

    private static String name(ReasonKind kind) {
        return KINDS.get(kind);
    }

    private static String name(DiagnosticCode code) {
        return CODES.get(code);
    }

    /** Returns how callers see the members of an enum. */
    private static <E extends Enum<E>> Map<E, String> names(Class<E> all, String prefix) {
        Map<E, String> names = new EnumMap<>(all);
        for (E one : all.getEnumConstants()) {
            String name = one.name().equals("UNRECOGNIZED") ? "" : one.name().substring(prefix.length()).toLowerCase(Locale.ROOT);
            names.put(one, name.equals("unspecified") ? "" : name);
        }
        return names;
    }
}
