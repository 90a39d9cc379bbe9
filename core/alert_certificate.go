package core

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The rhythm of looking at certificates.
const (
	certificatesFirst = time.Minute    // after the start
	certificatesEach  = 24 * time.Hour // when all is well
	certificatesSoon  = time.Hour      // while one expires soon, or could not be looked at
	certificatesWait  = 2 * time.Minute
	maxCertificates   = 500 // looked at
)

// certificateSeen is how long a host's certificate is valid.
type certificateSeen struct {
	host     string
	notAfter time.Time
}

// keepCertified looks at the certificates of all routes once a day.
func (a *alerts) keepCertified(ctx context.Context) {
	wait := certificatesFirst
	for rest(ctx, wait, nil) {
		if a.lookAtCertificates(ctx) {
			wait = certificatesEach
		} else {
			wait = certificatesSoon
		}
	}
}

// lookAtCertificates is true when all could be looked at and none expires soon. What could not be looked at is as it was.
func (a *alerts) lookAtCertificates(ctx context.Context) bool {
	if a.c.net == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, certificatesWait)
	defer cancel()
	routes, err := a.c.proxy.Routes(ctx)
	if err != nil {
		a.c.log.Debug("certificates not looked at", "err", err)
		return false
	}
	well := true
	seen := map[string]certificateSeen{}
	hosts := tlsHosts(routes)
	for _, at := range hosts[:min(len(hosts), maxCertificates)] {
		cert, err := a.c.net.Certificate(ctx, at.address, at.host)
		if err != nil {
			a.mu.Lock()
			before, ok := a.certs[at.host]
			a.mu.Unlock()
			if ok {
				seen[at.host] = before
			}
			well = false
			continue
		}
		seen[at.host] = certificateSeen{at.host, cert.NotAfter}
		well = well && cert.NotAfter.Sub(a.c.now()) >= certificateSoon
	}
	a.mu.Lock()
	a.certs = seen
	a.mu.Unlock()
	ring(a.wake)
	return well
}

// certificateCauses are the certificates that expire soon, one for each service: the one that expires first.
func certificateCauses(snap *Snapshot, certs map[string]certificateSeen, now time.Time) []cause {
	byService := map[string]cause{}
	expiring := slices.SortedFunc(maps.Values(certs), func(x, y certificateSeen) int {
		return cmp.Or(x.notAfter.Compare(y.notAfter), cmp.Compare(x.host, y.host))
	})
	for _, seen := range expiring {
		left := seen.notAfter.Sub(now)
		if left >= certificateSoon {
			break
		}
		service, home := "", DeployName // Traefik's own home
		for _, svc := range snap.Services {
			if _, host, _ := strings.Cut(svc.Route, "://"); host == seen.host {
				service, home = svc.Name, svc.Home
			}
		}
		if _, ok := byService[service]; ok {
			continue
		}
		title := fmt.Sprintf("The certificate of %s expires in %s", seen.host, FormatAge(left))
		if left <= 0 {
			title = fmt.Sprintf("The certificate of %s has expired", seen.host)
		}
		byService[service] = cause{Alert: Alert{
			Service: service, Cause: CauseCertificate, At: now, Title: title,
			Text: "Traefik should have renewed it at 30 days; its log says why not: logs traefik. Diagnose looks at all certificates.",
		}, home: home}
	}
	return slices.Collect(maps.Values(byService))
}
