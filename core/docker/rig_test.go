//go:build integration || bench

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codematrx/matrx-ship/core"
	"github.com/codematrx/matrx-ship/core/cgroup"
	"github.com/codematrx/matrx-ship/core/coretest"
	"github.com/codematrx/matrx-ship/core/flock"
	"github.com/google/uuid"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	dockersdk "github.com/moby/moby/client"
)

// prefix begins the name of everything that these tests make.
const prefix = "engine-t-"

// guestTar is the root of the test image: the guest program alone.
var guestTar []byte

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// setUp builds the guest, runs the tests, and removes the image from the shared engine.
func setUp(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if guestTar, err = buildGuest(dir); err != nil {
		return 0, err
	}
	code := m.Run()
	api, err := dockersdk.New(dockersdk.FromEnv)
	if err != nil {
		return code, err
	}
	defer api.Close()
	_, imageErr := api.ImageRemove(context.Background(), imageName(), dockersdk.ImageRemoveOptions{Force: true})
	_, networkErr := api.NetworkRemove(context.Background(), networkName(), dockersdk.NetworkRemoveOptions{})
	for _, err := range []error{imageErr, networkErr} {
		if err != nil && codeOf(err) != core.CodeNotFound { // not found: no test asked for it
			return code, err
		}
	}
	return code, nil
}

// buildGuest compiles the guest program and packs it.
func buildGuest(dir string) ([]byte, error) {
	bin := filepath.Join(dir, "guest")
	build := exec.Command("go", "build", "-o", bin, "github.com/codematrx/matrx-ship/core/coretest/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build guest: %w\n%s", err, out)
	}
	program, err := os.ReadFile(bin)
	if err != nil {
		return nil, err
	}
	return pack("guest", program)
}

// pack makes an archive of one file.
func pack(name string, content []byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

func imageName() string { return fmt.Sprintf("%sguest:%d", prefix, os.Getpid()) }

// rig is a real engine with the test image.
type rig struct {
	d       *Docker
	api     *dockersdk.Client // the back door: what the docker CLI does
	usage   *cgroup.Source
	network string // of guests that name none
}

// newRig opens the engine of the environment, or that of the host given, with the test image in it.
func newRig(t testing.TB, host string) *rig {
	t.Helper()
	opts := []dockersdk.Opt{dockersdk.FromEnv}
	if host != "" {
		opts = append(opts, dockersdk.WithHost(host))
	}
	api, err := dockersdk.New(opts...)
	check(t, err)
	t.Cleanup(func() { _ = api.Close() })
	res, err := api.ImageList(t.Context(), dockersdk.ImageListOptions{Filters: dockersdk.Filters{}.Add("reference", imageName())})
	check(t, err)
	if len(res.Items) == 0 {
		importRoot(t, api, guestTar, imageName())
	}
	img, err := api.ImageInspect(t.Context(), imageName())
	check(t, err)
	d, err := Open(Config{Host: api.DaemonHost(), Image: img.ID, Reaper: []string{"/guest", "reap"}, Locks: flock.New(t.TempDir())})
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	usage, err := cgroup.Open(cgroup.Config{Root: "/sys/fs/cgroup", Proc: "/proc", Engine: d, Else: d})
	check(t, err)
	t.Cleanup(func() { check(t, usage.Close()) })
	r := &rig{d, api, usage, "none"}
	if host == "" {
		r.network = ownNetwork(t, api)
	}
	return r
}

// importRoot makes an image of an archive, under a name or none.
func importRoot(t testing.TB, api *dockersdk.Client, root []byte, name string) {
	t.Helper()
	body, err := api.ImageImport(t.Context(), dockersdk.ImageImportSource{Source: bytes.NewReader(root), SourceName: "-"}, name,
		dockersdk.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/guest"]`}})
	check(t, err)
	_, err = io.Copy(io.Discard, body)
	check(t, err)
	check(t, body.Close())
}

// plane is the engine as a control plane has it: usage comes from the kernel's files.
type plane struct {
	*Docker
	usage core.StatsSource
}

// Stats measures from the kernel's files.
func (p plane) Stats(ctx context.Context, id string) (core.StatsSample, error) {
	return p.usage.Stats(ctx, id)
}

// networkName is that of this run's own network: the default one is shared, and not always there.
func networkName() string { return fmt.Sprintf("%snet-%d", prefix, os.Getpid()) }

// ownNetwork makes the network when it is not there yet.
func ownNetwork(t testing.TB, api *dockersdk.Client) string {
	t.Helper()
	_, err := api.NetworkInspect(t.Context(), networkName(), dockersdk.NetworkInspectOptions{})
	if err == nil {
		return networkName()
	}
	makeNetwork(t, api, networkName())
	return networkName()
}

// makeNetwork makes a network in a subnet that no other run has, and gives the subnet.
func makeNetwork(t testing.TB, api *dockersdk.Client, name string) netip.Prefix {
	t.Helper()
	for n := range 200 {
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 217, byte((os.Getpid() + n) % 256), 0}), 24)
		_, err := api.NetworkCreate(t.Context(), name, dockersdk.NetworkCreateOptions{
			IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}}})
		if err == nil {
			return subnet
		}
		if !strings.Contains(err.Error(), "Pool overlaps") {
			t.Fatal(err)
		}
	}
	t.Fatal("every subnet of 10.217.0.0/16 is taken")
	return netip.Prefix{}
}

// Docker is the engine under test.
func (r *rig) Docker() core.Docker { return plane{r.d, r.usage} }

// Maker is the engine under test.
func (r *rig) Maker() core.Maker { return r.d }

// Images is the engine under test.
func (r *rig) Images() core.ImageStore { return r.d }

// Guest is the test image.
func (r *rig) Guest() string { return imageName() }

// Name is one of its own; containers, networks, volumes and images that have it go when the test ends.
func (r *rig) Name(t testing.TB) string {
	name := prefix + uuid.NewString()[:8]
	t.Cleanup(func() {
		r.sweep(t, "", name)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		networks, err := r.api.NetworkList(ctx, dockersdk.NetworkListOptions{Filters: dockersdk.Filters{}.Add("name", name)})
		check(t, err)
		for _, n := range networks.Items {
			_, err := r.api.NetworkRemove(ctx, n.ID, dockersdk.NetworkRemoveOptions{})
			check(t, err)
		}
		volumes, err := r.api.VolumeList(ctx, dockersdk.VolumeListOptions{Filters: dockersdk.Filters{}.Add("name", name)})
		check(t, err)
		for _, v := range volumes.Items {
			_, err := r.api.VolumeRemove(ctx, v.Name, dockersdk.VolumeRemoveOptions{})
			check(t, err)
		}
		images, err := r.api.ImageList(ctx, dockersdk.ImageListOptions{Filters: dockersdk.Filters{}.Add("reference", name+"*")})
		check(t, err)
		for _, img := range images.Items {
			for _, tag := range img.RepoTags {
				if !strings.HasPrefix(tag, name) {
					continue
				}
				_, err := r.api.ImageRemove(ctx, tag, dockersdk.ImageRemoveOptions{Force: true, PruneChildren: true})
				check(t, err)
			}
		}
	})
	return name
}

// Exec is the guest's command line.
func (r *rig) Exec(args ...string) []string { return append([]string{"/guest"}, args...) }

// Run makes and starts a guest.
func (r *rig) Run(t testing.TB, g coretest.Guest) (id, name string) {
	t.Helper()
	config := &container.Config{Image: imageName(), Cmd: g.Args, Labels: g.Labels, Env: g.Env, Tty: g.TTY}
	if g.Volume != "" {
		config.Volumes = map[string]struct{}{g.Volume: {}}
	}
	return r.start(t, dockersdk.ContainerCreateOptions{Config: config})
}

// start makes and starts a container under a name of its own, and removes whatever has that name at the end.
func (r *rig) start(t testing.TB, opts dockersdk.ContainerCreateOptions) (id, name string) {
	t.Helper()
	name = prefix + uuid.NewString()[:8]
	opts.Name = name
	if opts.HostConfig == nil {
		opts.HostConfig = &container.HostConfig{}
	}
	if opts.HostConfig.NetworkMode == "" {
		opts.HostConfig.NetworkMode = container.NetworkMode(r.network)
	}
	res, err := r.api.ContainerCreate(t.Context(), opts)
	check(t, err)
	t.Cleanup(func() { r.sweep(t, res.ID, name) })
	_, err = r.api.ContainerStart(t.Context(), res.ID, dockersdk.ContainerStartOptions{})
	check(t, err)
	return res.ID, name
}

// sweep removes the container, and all whose name begins with its.
func (r *rig) sweep(t testing.TB, id, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	list, err := r.api.ContainerList(ctx, dockersdk.ContainerListOptions{All: true})
	check(t, err)
	for _, c := range list.Items {
		if c.ID != id && !strings.HasPrefix(listedName(c.Names), name) {
			continue
		}
		_, err := r.api.ContainerRemove(ctx, c.ID, dockersdk.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && codeOf(err) != core.CodeNotFound {
			t.Error(err)
		}
	}
}

// Rename renames a container behind the plane's back.
func (r *rig) Rename(t testing.TB, id, name string) {
	t.Helper()
	_, err := r.api.ContainerRename(t.Context(), id, dockersdk.ContainerRenameOptions{NewName: name})
	check(t, err)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
