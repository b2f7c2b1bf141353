// Package control serves an [api.Service] over HTTP, on unix sockets and TCP, and is the
// client of one. It knows who may do what and how it travels; what is done, the daemon
// knows.
//
// A request passes, in this order:
//
//   - [Listener]: accepts the connection, if its peer has not too many (limit_conns.go), and
//     tells who is at the other end (listener.go, socket.go, web.go, peer_linux.go, token.go).
//   - auth.go: refuses strangers and pages of other sites, and gives the request a guard:
//     the Service as far as it is open to this caller. active.go ends the request when the
//     right to it ends.
//   - endpoint.go: finds the [Endpoint], reads what is asked (address.go, body.go), calls the
//     guard and sends the answer (answer.go).
//   - guard.go: checks the right, calls the Service and removes from the answer what the
//     caller may not see (guard_text.go).
//   - limit.go: lets only a few queries work at a time.
//
// Each noun has one file, runs.go, requests.go, tasks.go, queues.go, rota.go, streams.go,
// with everything of its calls: the endpoint, the method of the client and the method of
// the guard, which is the right. A call that is new in [api.Service] needs these three in
// one file; without the method of the client or of the guard nothing compiles, and
// without the endpoint TestEveryCallHasAnEndpoint fails.
package control
