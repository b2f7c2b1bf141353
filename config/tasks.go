package config

import (
	"encoding/json"
	"hash/maphash"
	"iter"
	"maps"
	"reflect"
	"slices"

	"rota/runner"
	"rota/schedule"
)

// Tasks are the tasks of a file by name. What is the same in many of them, which is most, is
// in memory once.
type Tasks map[string]*packed

// packed is a [Task] without its name. What the pointers lead to may belong to several tasks.
type packed struct {
	description string
	action      runner.Action
	triggers    []schedule.Spec
	policy      *runner.Policy
	process     *runner.Process
	data        *runner.Data
	account     *Account
}

// Get returns the task with the name; a zero Task if there is none.
func (t Tasks) Get(name string) Task {
	task, _ := t.Find(name)
	return task
}

// Find returns the task with the name, if there is one.
func (t Tasks) Find(name string) (Task, bool) {
	p, ok := t[name]
	if !ok {
		return Task{}, false
	}
	return Task{
		runner.Task{Name: name, Action: p.action, Policy: *p.policy, Process: *p.process, Data: *p.data},
		p.description, p.triggers, *p.account,
	}, true
}

// All walks the tasks, in any order.
func (t Tasks) All() iter.Seq2[string, Task] {
	return func(yield func(string, Task) bool) {
		for name := range t {
			if !yield(name, t.Get(name)) {
				return
			}
		}
	}
}

// With returns a copy of the tasks with others, which replace those of their names.
func (t Tasks) With(others ...Task) Tasks {
	all, b := maps.Clone(t), packer{}
	for _, task := range others {
		all[task.Name] = b.pack(task)
	}
	return all
}

// packer makes packed tasks that share what is the same.
type packer struct {
	policies  pool[runner.Policy]
	processes pool[runner.Process]
	data      pool[runner.Data]
	accounts  pool[Account]
}

func (b *packer) pack(t Task) *packed {
	return &packed{
		t.Description, t.Action, slices.Clip(t.Triggers),
		b.policies.share(&t.Policy), b.processes.share(&t.Process), b.data.share(&t.Data), b.accounts.share(&t.Account),
	}
}

// pool holds one pointer to each of many values.
type pool[T any] struct {
	last  *T
	all   []*T
	found map[uint64]*T // by the hash of their text as JSON
	hash  maphash.Hash
}

// share returns a pointer to a value like v. Mostly v is like the one before.
func (p *pool[T]) share(v *T) *T {
	if p.last != nil && reflect.DeepEqual(p.last, v) {
		return p.last
	}
	p.hash.Reset()
	if err := json.NewEncoder(&p.hash).Encode(v); err != nil {
		panic(err) // no field has a value that JSON cannot write
	}
	hash := p.hash.Sum64()
	if p.last = p.found[hash]; p.last != nil && reflect.DeepEqual(p.last, v) {
		return p.last
	}
	if p.found == nil {
		p.found = map[uint64]*T{}
	}
	p.last = new(*v)
	p.found[hash] = p.last
	p.all = append(p.all, p.last)
	return p.last
}
