// Package page is rota for browsers: pages that show what api.Service tells, and forms
// that ask it to do something. It is a client like the command line: whoever looks has
// the rights that the service at hand gives them, and nothing is known here that the
// service does not tell.
//
// Each page has a file with its data, one struct, and a template of the same name in
// html. What changes while somebody looks is a region: an element with an id, made by a
// template of its own that serves the page and, when something happened, the stream that
// replaces the element ([visit.live]). Addresses are made by one function, url, which
// knows what all of them begin with. All text of others passes html/template, and stands
// where it is text.
package page
