// Package why explains why a task ran, or did not run, at an instant.
//
// It gathers facts first ([Source]): the record of the slot, if one exists, the triggers
// that were in force then, the holds, stops, reloads and clock steps of that time, and
// the last sign of life before rota was down. A pure function derives the answer from the
// facts alone, in the order in which a person would look: was the slot recorded, was the
// task due, was it held, was rota down, is the trigger only in the file of today. The
// package does not depend on the daemon and changes nothing.
package why
