// Package runlog keeps the files of runs, which are too large for rows of the ledger.
//
// In the directory logs/TASK of the state directory KEY.N.log is the output of attempt N
// of the run TASK/KEY, KEY.result is its result and KEY.input the input of a request.
// [Store] knows these names, lists the files and removes them; when, the ledger says.
//
// [Output] writes a log: line by line, each with its time, secrets masked, within a bound.
// Of what is longer the head and the tail are kept. The tail is in segments beside the
// log, KEY.N.log.1 and so on, of which the last two stay; the end of the attempt joins
// them to the head, or [Complete] does if whoever wrote was killed.
//
// [Snapshot] reads a log as it is, whoever writes to it. [Follow] reads on until the run
// has ended, over segments that are removed and joined meanwhile.
//
// It knows no runs, only their ids: TASK/KEY.
package runlog
