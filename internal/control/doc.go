// Package control serves an [api.Service] over HTTP, on unix sockets and TCP, and has a
// client for it. It checks rights and encodes requests and answers; the Service does the
// work.
//
// A request passes, in this order:
//
//   - [Listener]: accepts the connection, if its peer does not have too many (limit_conns.go),
//     and identifies the caller (listener.go, socket.go, web.go, peer_linux.go, token.go).
//   - auth.go: refuses requests without valid credentials and pages of other sites, and adds a
//     guard to the request: the Service limited to the rights of the caller. active.go ends
//     the request when the caller loses a right that it needs.
//   - endpoint.go: finds the [Endpoint], reads the request (address.go, body.go), calls the
//     guard and sends the answer (answer.go).
//   - guard.go: checks the right, calls the Service and removes from the answer what the
//     caller may not see (guard_text.go).
//   - limit.go: lets only a few queries work at a time.
//
// Each noun has one file: runs.go, requests.go, outputs.go, tasks.go, holds.go, queues.go,
// events.go, events_past.go, monitor.go, rota.go. It holds for each call the endpoint, the
// method of the client and the method of the guard, which checks the right. A new call of
// [api.Service] needs these three in one file; without the method of the client or of the
// guard the package does not compile, and without the endpoint TestEveryCallHasAnEndpoint
// fails.
package control
