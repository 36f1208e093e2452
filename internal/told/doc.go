// Package told reads what was told of charges before they are made, for claims, forecasts and the job that tells more.
package told
