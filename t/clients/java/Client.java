/* The JDK's java.net.http.WebSocket; Feed.java tells what it is to do. */

import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;


public class Client implements WebSocket.Listener {

    private final Feed feed;
    private final StringBuilder text = new StringBuilder();
    private final ByteArrayOutputStream binary = new ByteArrayOutputStream();
    private final CompletableFuture<Integer> closed =
        new CompletableFuture<>();
    private boolean closing;


    public static void main(String[] args) throws Exception {
        Client client = new Client(new Feed(args));
        HttpClient.Builder http = HttpClient.newBuilder();

        if (client.feed.ca != null) {
            http.sslContext(trusting(client.feed.ca));
        }

        WebSocket ws = http.build().newWebSocketBuilder()
            .subprotocols(client.feed.protocol)
            .buildAsync(URI.create(client.feed.url), client)
            .join();

        int code = client.closed.join();

        client.feed.report("java " + Runtime.version(), ws.getSubprotocol(),
                           code, client.closing && ws.isInputClosed());

        /* the client's threads need not be waited for */

        System.exit(0);
    }


    private Client(Feed feed) {
        this.feed = feed;
    }


    private static SSLContext trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        TrustManagerFactory trust = TrustManagerFactory.getInstance(
            TrustManagerFactory.getDefaultAlgorithm());
        SSLContext context = SSLContext.getInstance("TLS");

        store.load(null);

        try (InputStream in = new FileInputStream(file)) {
            store.setCertificateEntry("ca",
                CertificateFactory.getInstance("X.509")
                                  .generateCertificate(in));
        }

        trust.init(store);
        context.init(null, trust.getTrustManagers(), null);

        return context;
    }


    @Override
    public CompletionStage<?> onText(WebSocket ws, CharSequence data,
        boolean last)
    {
        text.append(data);

        if (last) {
            String message = text.toString();

            text.setLength(0);
            taken(ws, () -> feed.take(message));
        }

        ws.request(1);

        return null;
    }


    @Override
    public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer data,
        boolean last)
    {
        byte[] part = new byte[data.remaining()];

        data.get(part);
        binary.writeBytes(part);

        if (last) {
            byte[] message = binary.toByteArray();

            binary.reset();
            taken(ws, () -> feed.take(message));
        }

        ws.request(1);

        return null;
    }


    private void taken(WebSocket ws, BooleanSupplier take) {
        if (take.getAsBoolean() && !closing) {
            closing = true;
            ws.sendClose(WebSocket.NORMAL_CLOSURE, "");
        }
    }


    @Override
    public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
        closed.complete(code);

        return null;
    }


    @Override
    public void onError(WebSocket ws, Throwable error) {
        closed.completeExceptionally(error);
    }
}
