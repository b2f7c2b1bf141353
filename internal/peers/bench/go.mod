module rota/internal/peers/bench

go 1.26.0
