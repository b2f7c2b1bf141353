package config_test

import (
	"errors"
	"fmt"

	"rota/config"
)

// All faults of a text come at once, each with its place.
func ExampleParse() {
	_, err := config.Parse("jobs.toml", `
[tasks.backup]
cron = "75 */6 * * *"
command = "tar -cf /backup/home.tar /home"
timeuot = "4h"
`, config.Options{})
	if e := (*config.Errors)(nil); errors.As(err, &e) {
		for _, f := range e.Faults {
			fmt.Println(f.Render())
		}
	}
	// Output:
	// error: minute 75 is out of range 0-59
	//  --> jobs.toml:3:9
	//   |
	// 3 | cron = "75 */6 * * *"
	//   |         ^^ write 0-59
	// error: unknown key "timeuot" in task "backup"
	//  --> jobs.toml:5:1
	//   |
	// 5 | timeuot = "4h"
	//   | ^^^^^^^ did you mean "timeout"?
}

func ExampleDiff() {
	parse := func(text string) *config.Config {
		c, err := config.Parse("jobs.toml", text, config.Options{})
		if err != nil {
			panic(err)
		}
		return c
	}
	before := parse(`
[tasks.sync]
cron = "17 */6 * * *"
command = "sync-it"
timeout = "1h"
`)
	after := parse(`
[tasks.sync]
cron = "17 */6 * * *"
command = "sync-it"
timeout = "4h"

[tasks.tidy]
at = "03:00"
command = "tidy-up"
`)
	fmt.Println(config.Diff(before, after))
	// Output:
	// 1 added (tidy), 1 changed (sync: timeout 1h → 4h)
}
