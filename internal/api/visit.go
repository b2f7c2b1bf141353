package api

// Visit is a request for the page, with its caller.
type Visit struct {
	Service  Service                          // limited to the rights of the caller; nil: not signed in
	Caller   Caller                           // the caller
	SignedIn bool                             // signed in on the page, so the caller can sign out
	Refused  error                            // why a sign-in or a credential was refused; nil: it was not
	Retry    int                              // seconds to wait before the next attempt to sign in, after too many
	Stream   func() (leave func(), err error) // counts an event stream, as their number is limited
	Site     Site                             // the settings of the page
}

// Site holds the settings of the page from [web].
type Site struct {
	Base    string // the first part of all addresses: "/rota"; "": none
	URL     string // "https://rota.example.org/rota": the address at which people reach it; "": not known
	Actions bool   // the page may run and stop tasks
	Others  []Other
}

// Other is the page of another daemon.
type Other struct{ Name, URL string }
