// coder/websocket; package feed tells what it is to do.
package main

import (
	"context"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"clients/feed"
)

// how long Close waits before it gives up without an error
const closeTimeout = 5 * time.Second

func main() {
	f := feed.New()
	ctx := context.Background()
	options := &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport: &http.Transport{TLSClientConfig: f.TLS},
		},
		Subprotocols:    []string{f.Protocol},
		CompressionMode: websocket.CompressionDisabled,
	}

	if f.Deflate {
		options.CompressionMode = websocket.CompressionNoContextTakeover
	}

	conn, response, err := websocket.Dial(ctx, f.URL, options)
	feed.Check(err)

	for {
		kind, data, err := conn.Read(ctx)
		feed.Check(err)

		if f.Take(kind == websocket.MessageText, data) {
			break
		}
	}

	// no error: the server's Close had the same code, if it came in time

	begun := time.Now()

	feed.Check(conn.Close(websocket.StatusNormalClosure, ""))

	f.Print("github.com/coder/websocket", feed.Report{
		Protocol:   conn.Subprotocol(),
		Extensions: response.Header.Get("Sec-WebSocket-Extensions"),
		Code:       int(websocket.StatusNormalClosure),
		Clean:      time.Since(begun) < closeTimeout,
	})
}
