module duly

go 1.26.0
