package control

import (
	"cmp"
	"context"
	"sync"

	"rota/internal/api"
)

// activeRequests is the set of requests in progress. It ends the requests of callers who
// have lost the rights that the request needs.
type activeRequests struct {
	mu           sync.Mutex
	byCredential map[string]map[*activeRequest]struct{} // by the credential of the caller
}

// activeRequest is one request in progress.
type activeRequest struct {
	guard *guard
	who   func() (api.Caller, error)
	end   context.CancelCauseFunc
}

// errRevoked ends the request of a caller who has lost a right that it needs.
var errRevoked = api.Errorf(api.Forbidden, "", "access was revoked")

// begin adds a request. who returns its caller, and is called again at each recheck.
func (rs *activeRequests) begin(who func() (api.Caller, error), s api.Service, end context.CancelCauseFunc) (*activeRequest, error) {
	caller, err := who()
	if err != nil {
		return nil, err
	}
	r := &activeRequest{newGuard(s, caller), who, end}
	rs.add(r)
	// The credential may have been revoked before the request was added.
	if caller.Credential != "" {
		if now, err := who(); err != nil || now.Credential != caller.Credential {
			rs.finish(r)
			return nil, cmp.Or[error](err, errRevoked)
		}
	}
	return r, nil
}

func (rs *activeRequests) add(r *activeRequest) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.byCredential == nil {
		rs.byCredential = map[string]map[*activeRequest]struct{}{}
	}
	credential := r.guard.c.Credential
	if rs.byCredential[credential] == nil {
		rs.byCredential[credential] = map[*activeRequest]struct{}{}
	}
	rs.byCredential[credential][r] = struct{}{}
}

func (rs *activeRequests) finish(r *activeRequest) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	credential := r.guard.c.Credential
	if delete(rs.byCredential[credential], r); len(rs.byCredential[credential]) == 0 {
		delete(rs.byCredential, credential)
	}
}

// recheck ends the requests of callers who have lost a right that the request needs.
func (rs *activeRequests) recheck() {
	rs.mu.Lock()
	var all []*activeRequest
	for _, requests := range rs.byCredential {
		for r := range requests {
			all = append(all, r)
		}
	}
	rs.mu.Unlock()
	for _, r := range all {
		now, err := r.who()
		if err != nil || now.Credential != r.guard.c.Credential || r.guard.revoked() != nil {
			r.end(errRevoked)
		}
	}
}

// drop ends all requests made with the credential.
func (rs *activeRequests) drop(credential string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for r := range rs.byCredential[credential] {
		r.end(errRevoked)
	}
}
