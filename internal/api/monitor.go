package api

// HealthQuery selects tasks by name or by tags; its zero value selects all tasks.
type HealthQuery struct {
	Task string   // "": the tasks of Tags
	Tags []string // tasks with one of these; empty: all tasks
}
