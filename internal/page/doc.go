// Package page is rota for browsers: pages that show the data of api.Service, and forms
// for its actions. It is a client like the command line: a visitor has the rights of the
// service at hand, and the pages have no other source of data.
//
// Each page has a file with its data, one struct, and a template of the same name in
// html. A part that changes while a page is open is a region: an element with an id and a
// template of its own, for the page and for the stream that replaces the element
// ([visit.live]). Addresses are made by one function, url, which adds their common prefix.
// All untrusted text passes html/template, and is used as text only.
package page
