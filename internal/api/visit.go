package api

// Visit is somebody who looks at the page of a rota.
type Visit struct {
	Service  Service                          // as far as it is open to them; nil: nobody is signed in
	Caller   Caller                           // who they are
	SignedIn bool                             // on the page, and so they can sign out
	Refused  error                            // why nobody is signed in, if that was tried; nil: it was not
	Retry    int                              // seconds to wait before it is tried again, where it was tried too often
	Stream   func() (leave func(), err error) // counts a stream of events, of which there are only so many
	Site     Site                             // what [web] says of the page
}

// Site is what [web] says of the page.
type Site struct {
	Base    string // "/rota": what all addresses begin with; "": nothing
	URL     string // "https://rota.example.org/rota": where people reach it; "": nobody said
	Actions bool   // the page may change things
	Others  []Other
}

// Other is the page of another rota.
type Other struct{ Name, URL string }
