package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	maxText   = 500 // bytes of one note
	maxListed = 50
	retryWait = time.Second
	queryTime = 5 * time.Second
)

const schema = `create table if not exists notes (
	id bigint generated always as identity primary key,
	text text not null,
	made timestamptz not null default now()
)`

var errText = fmt.Errorf("a note has 1 to %d bytes", maxText)

// note is one row.
type note struct {
	ID   int64     `json:"id"`
	Text string    `json:"text"`
	Made time.Time `json:"made"`
}

// notes is the table of notes in the instance's database.
type notes struct {
	pool *pgxpool.Pool
}

// openNotes checks the URL; it does not connect, so the app starts while its database is still starting.
func openNotes(url string) (*notes, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a Postgres URL") // the parser's own error could hold the password
	}
	config.MaxConns = 8
	config.ConnConfig.ConnectTimeout = queryTime
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	return &notes{pool: pool}, nil
}

// prepare makes the table, trying again until the database answers or ctx ends.
func (n *notes) prepare(ctx context.Context, log *slog.Logger) {
	for attempt := 1; ; attempt++ {
		err := n.migrate(ctx)
		if err == nil {
			log.Info("database ready", "attempt", attempt)
			return
		}
		log.Warn("database not ready", "attempt", attempt, "error", err.Error())
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryWait):
		}
	}
}

func (n *notes) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	_, err := n.pool.Exec(ctx, schema)
	return err
}

// check tells whether the database answers and the table is there.
func (n *notes) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	_, err := n.pool.Exec(ctx, "select 1 from notes limit 1")
	return err
}

// add writes a note; errText when its text is empty or too long.
func (n *notes) add(ctx context.Context, text string) (note, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxText {
		return note{}, errText
	}
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	rows, err := n.pool.Query(ctx, "insert into notes (text) values ($1) returning id, text, made", text)
	if err != nil {
		return note{}, fmt.Errorf("write note: %w", err)
	}
	made, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[note])
	if err != nil {
		return note{}, fmt.Errorf("write note: %w", err)
	}
	return made, nil
}

// list reads the newest notes, newest first.
func (n *notes) list(ctx context.Context) ([]note, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	rows, err := n.pool.Query(ctx, "select id, text, made from notes order by id desc limit $1", maxListed)
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[note])
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	return all, nil
}

func (n *notes) close() { n.pool.Close() }
