module rota/internal/peers

go 1.26.0

require (
	github.com/adhocore/gronx v1.20.4
	github.com/aptible/supercronic v0.2.43 // later ones have the same parser and want a newer Go
	github.com/hashicorp/cronexpr v1.1.3
	github.com/robfig/cron/v3 v3.0.1
	rota v0.0.0
)

replace rota => ../..
