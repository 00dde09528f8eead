// gorilla/websocket; package feed tells what it is to do.
package main

import (
	"errors"
	"io"
	"log"

	"github.com/gorilla/websocket"

	"clients/feed"
)

func main() {
	var closed *websocket.CloseError

	f := feed.New()
	dialer := websocket.Dialer{
		TLSClientConfig:   f.TLS,
		EnableCompression: f.Deflate,
		Subprotocols:      []string{f.Protocol},
	}

	conn, response, err := dialer.Dial(f.URL, nil)
	feed.Check(err)

	for {
		kind, data, err := conn.ReadMessage()
		feed.Check(err)

		if f.Take(kind == websocket.TextMessage, data) {
			break
		}
	}

	feed.Check(conn.WriteMessage(websocket.CloseMessage,
		websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")))

	for err == nil {
		_, _, err = conn.ReadMessage()
	}

	if !errors.As(err, &closed) {
		log.Fatal(err)
	}

	_, err = conn.NetConn().Read(make([]byte, 1))

	f.Print("github.com/gorilla/websocket", feed.Report{
		Protocol:   conn.Subprotocol(),
		Extensions: response.Header.Get("Sec-WebSocket-Extensions"),
		Code:       closed.Code,
		Clean:      err == io.EOF,
	})
}
