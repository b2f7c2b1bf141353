package api

// HealthQuery selects tasks by their name or by tags; its zero value is all tasks.
type HealthQuery struct {
	Task string   // "": those of Tags
	Tags []string // that have one of these; none: all
}
