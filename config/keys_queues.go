package config

import "rota/runner"

var queueTable = &table[runner.Queue]{
	name: "queues.NAME", text: "A queue in which runs wait for each other. The queue main always exists.",
	keys: []key[runner.Queue]{
		row("workers", number(1, noLimit, func(q *runner.Queue) *int { return &q.Workers }), "1", "How many runs of the queue execute at once.", "4"),
		row("capacity", number(1, noLimit, func(q *runner.Queue) *int { return &q.Capacity }), "1000", "How many runs may be queued. Beyond that, slots are skipped and requests refused.", "20"),
		row("description", anyText(func(q *runner.Queue) *string { return &q.Description }), "", "A description.", `"one disk"`),
	},
}

// readQueues reads [queues].
func (l *loader) readQueues(loc location, v any) {
	loc.table(v, func(loc location, name string, v any) {
		q := queueTable.zero()
		if l.register(loc, "queue", name, l.queues) && queueTable.read(loc, v, "queue "+quote(name), &q) {
			l.config.Queues[name] = q
		}
	})
}
