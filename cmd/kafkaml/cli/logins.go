package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/kafkaml/kafkaml/shared/identity/oidc"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Stored is what a login left behind: a static token, or what an issuer gave.
type Stored struct {
	Token  string        `json:"token,omitempty"`
	Issuer *oidc.Login   `json:"issuer,omitempty"`
	OIDC   *oauth2.Token `json:"oidc,omitempty"`
	ID     string        `json:"id_token,omitempty"`
}

// LoginFile holds the logins of a person, by server. Nobody else may read it.
type LoginFile struct {
	path string
	mu   sync.Mutex
}

// Logins is the file in the person's folder of settings.
func Logins(getenv func(string) string) (*LoginFile, error) {
	dir := getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := getenv("HOME")
		if home == "" {
			return nil, &pipeline.Error{Op: "find the logins", Kind: pipeline.Invalid, Field: "HOME", Reason: "is not set"}
		}
		dir = filepath.Join(home, ".config")
	}
	return &LoginFile{path: filepath.Join(dir, "kafkaml", "logins.json")}, nil
}

// Path is where the file is.
func (f *LoginFile) Path() string { return f.path }

// Put keeps the login at a server; nil takes it out.
func (f *LoginFile) Put(server string, s *Stored) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put(server, s)
}

func (f *LoginFile) put(server string, s *Stored) error {
	all, err := f.read()
	if err != nil {
		return err
	}
	if all[server] = s; s == nil {
		delete(all, server)
	}
	body, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := f.replace(body); err != nil {
		return &pipeline.Error{Op: "keep the login", Kind: pipeline.Unavailable, Err: err}
	}
	return nil
}

// replace writes the file anew: who reads it meanwhile gets the old or the new.
func (f *LoginFile) replace(body []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(f.path), ".logins-*") // 0600
	if err != nil {
		return err
	}
	_, err = part.Write(body)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
	return err
}

func (f *LoginFile) read() (map[string]*Stored, error) {
	all := map[string]*Stored{}
	body, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err != nil {
		return nil, &pipeline.Error{Op: "read the logins", Kind: pipeline.Invalid, Field: f.path, Err: err, Hint: "delete the file and log in again"}
	}
	return all, nil
}

// Bearer is the token to ask a server with, "" where nobody has logged in there.
// One that is about to expire is refreshed.
func (f *LoginFile) Bearer(ctx context.Context, server string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	if err != nil || all[server] == nil {
		return "", err
	}
	s := all[server]
	if s.OIDC == nil || s.Issuer == nil {
		return s.Token, nil
	}
	if time.Until(s.OIDC.Expiry) > 30*time.Second {
		return s.Bearer(), nil
	}
	config := oauth2.Config{ClientID: s.Issuer.ClientID, Endpoint: s.Issuer.Endpoint()}
	fresh, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: s.OIDC.RefreshToken}).Token()
	if err != nil {
		return "", &pipeline.Error{Op: "log in", Kind: pipeline.Unauthenticated, Reason: "the login has expired", Hint: "log in again with `kafkaml login`", Err: err}
	}
	s.Take(fresh)
	return s.Bearer(), f.put(server, s)
}

// Take keeps what the issuer gave.
func (s *Stored) Take(t *oauth2.Token) {
	s.OIDC = t
	if id, ok := t.Extra("id_token").(string); ok {
		s.ID = id
	}
}

// Bearer is which of the issuer's tokens the server takes.
func (s *Stored) Bearer() string { return s.Issuer.Bearer(s.OIDC.AccessToken, s.ID) }
