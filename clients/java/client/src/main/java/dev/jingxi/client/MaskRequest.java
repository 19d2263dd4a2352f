package dev.jingxi.client;

/** How a message is to be masked: its map, who asks, and what the caller knows besides the message. */
public final class MaskRequest extends RequestOptions<MaskRequest> {
    private final String application;
    private final String name;

    private MaskRequest(String application, String name, Subject subject) {
        super(subject);
        this.application = application;
        this.name = name;
    }

    /**
     * {@return a request}
     *
     * @param application the application as the message map names it
     * @param name the message as the message map names it
     * @param subject who asks
     */
    public static MaskRequest of(String application, String name, Subject subject) {
        return new MaskRequest(application, name, subject);
    }

    /** {@return the application as the message map names it} */
    public String application() {
        return application;
    }

    /** {@return the message as the message map names it} */
    public String name() {
        return name;
    }

    @Override
    public String toString() {
        return "MaskRequest[" + application + " " + name + "]";
    }
}
