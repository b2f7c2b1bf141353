// Package why says why a task ran, or did not, at an instant.
//
// It gathers facts first ([Source]): the record of the slot, if there is one, the
// triggers that were in force then, the holds, stops, reloads and clock steps of that
// time, and the last sign of life before rota was away. The answer is derived from the
// facts alone, by a pure function, in the order in which a person would look: was it
// recorded, was it due, was it held, was rota away, is it a trigger of today's file
// only. It knows no daemon and changes nothing.
package why
