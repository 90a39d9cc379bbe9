package plane

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/age"
	"github.com/codematrx/matrx-ship/core/compose"
)

func TestANewIdentityCanKeepAndOpenASecret(t *testing.T) {
	var out, errs strings.Builder
	if code := keygen([]string{"age"}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	sealer, err := age.New(out.String())
	if err != nil {
		t.Fatal(err)
	}
	sealed, id, err := sealer.Seal([]byte("sesame"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := sealer.Unseal(sealed, id); err != nil || string(plain) != "sesame" {
		t.Errorf("%q, %v", plain, err)
	}
	if code := keygen(nil, io.Discard, &errs); code != 2 || !strings.Contains(errs.String(), "usage") {
		t.Errorf("without saying what: exit %d, %q", code, errs.String())
	}
}

func TestApplyRefusesArgumentsThatItCannotWorkWith(t *testing.T) {
	for _, args := range [][]string{{}, {"--root", "srv", "a.yml"}, {"--root", "/srv"}, {"--root", "/srv", "--image", "web", "a.yml"}, {"--nope"}} {
		var errs strings.Builder
		if code := applyCommand(args, io.Discard, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%q: exit %d, %q", args, code, errs.String())
		}
	}
}

func TestSecretsAreFilesInAFolderForEachService(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{"web/PASSWORD": "sesame\n", "web/KEYS": "one\ntwo\n", "db/EMPTY": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readSecrets(dir)
	if err != nil || got["web"]["PASSWORD"] != "sesame" || got["web"]["KEYS"] != "one\ntwo" || len(got) != 2 || len(got["db"]) != 1 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := readSecrets(filepath.Join(dir, "nowhere")); core.CodeOf(err) != core.CodeNotFound {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestTheDefinitionsOfThePlatformAreWhatTheyShouldBe(t *testing.T) {
	vars := map[string]string{}
	for _, name := range []string{"PROJECT", "DOMAIN", "SERVER_NAME", "SOCKET_GROUP", "CURRENT", "IMAGE_TRAEFIK", "IMAGE_POSTGRES"} {
		vars["MATRX_"+name] = "x1.test"
	}
	for i, name := range []string{"WEB", "WEBSECURE", "MANAGER_SSH", "MANAGER_HTTP", "DEPLOY_SSH", "DEPLOY_HTTP"} {
		vars["MATRX_PORT_"+name] = "800" + string(rune('0'+i))
	}
	for name, value := range map[string]string{"PROJECT": "x1", "PREFIX": "x1-", "ROOT": "/srv", "LISTEN": "127.0.0.1", "USER": "10001:10001",
		"SOCKET": "/run/docker.sock", "ADMIN_KEYS": "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two", "PROJECTS_URL": "file:///srv/projects"} {
		vars["MATRX_"+name] = value
	}
	seen := map[string]core.Definition{}
	for _, folder := range []string{"traefik", "postgres", "sample", "manager", "deploy"} {
		path := "../../../infra/" + folder + "/compose.yml"
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defs, err := compose.New().Parse(path, text, vars)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range defs {
			seen[d.Service] = d
			again, err := compose.New().Write(d)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := compose.New().Parse("definition", again, nil); err != nil || !reflect.DeepEqual(got, []core.Definition{d}) {
				t.Errorf("%s printed and read again: %v\n%s", d.Service, err, again)
			}
		}
	}
	for _, service := range []string{"traefik", "postgres", "ship-demo-db", "ship-demo", core.ManagerName, core.DeployName} {
		d, ok := seen[service]
		switch {
		case !ok:
			t.Errorf("%s is not defined", service)
		case d.Container != "x1-"+service || d.Memory == 0 || d.Pids == 0 || !d.NoNewPrivileges || len(d.CapDrop) != 1 || len(d.CapAdd) > 0:
			t.Errorf("%s: %+v", service, d)
		case service != "ship-demo" && !d.ReadOnly:
			t.Errorf("%s may write into its own image", service)
		case d.StopFirst == (service == "ship-demo"):
			t.Errorf("%s: stop first is %v", service, d.StopFirst)
		}
	}
	manager := seen[core.ManagerName]
	if manager.Env["MATRX_ADMIN_KEYS"] != vars["MATRX_ADMIN_KEYS"] || manager.Source.Definition != "infra/manager/compose.yml" || manager.Source.Vars["MATRX_ROOT"] != "/srv" {
		t.Errorf("the Manager: %+v, %+v", manager.Env, manager.Source)
	}
}
