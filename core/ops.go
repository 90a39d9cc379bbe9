package core

import (
	"fmt"
	"reflect"
	"strings"
)

// confirmableType is what the input of a Destroy implements.
var confirmableType = reflect.TypeFor[confirmable]()

// Ops is the one list of operations, in menu order. Doors derive their plumbing from it: routes, tools, ssh commands,
// the reference and the parity test; never screens or forms.
func Ops() []AnyOp {
	return []AnyOp{
		GetStatus, ListServices, ShowService, WatchServices, StartService, StopService, RestartService, RecreateService, RemoveService,
		PlanDeploy, Deploy, ListDeployments, ShowDeployment, FollowDeployment, CancelDeployment, ListReleases, Rollback,
		StartBuild, ListBuilds, FollowBuild, ListChanges,
		ShowEnv, RevealEnv, SetEnv, UndoEnv, ListRoutes, WatchRoutes,
		ListDefinitions, ShowDefinition, SetDefinition, PlanRemoval, RemoveDefinition, PlanAdopt, Adopt,
		ReadLogs, FollowLogs, SearchLogs, ListLogs, TrimLogs,
		ListRecordings, ReadRecording,
		ShowInfra, PruneDisk, Diagnose,
		ListJobs, ShowJob, FollowJob, CancelJob,
		ListAudit, FollowAudit, VerifyAudit,
		ListAccess, AddPerson, SetRole, RemovePerson, AddKey, RevokeKey, EndSession,
		ListAlerts, TestAlert,
		ListSettings, SetSetting,
		ListDocs, ShowDoc, SearchDocs,
	}
}

// CheckOps finds operations that break the rules of the door; a control plane does not start with one.
func CheckOps(ops []AnyOp) error {
	seen := map[string]bool{}
	for _, op := range ops {
		info := op.Info()
		if err := checkOp(info); err != nil {
			return fmt.Errorf("operation %q: %w", info.Name, err)
		}
		if seen[info.Name] {
			return fmt.Errorf("operation %q is listed twice", info.Name)
		}
		seen[info.Name] = true
	}
	return nil
}

// checkOp checks one operation.
func checkOp(info Info) error {
	noun, verb, ok := strings.Cut(info.Name, ".")
	switch {
	case !ok || noun == "" || verb == "" || strings.ToLower(info.Name) != info.Name:
		return fmt.Errorf("its name is not noun.verb in lower case")
	case info.Summary == "" || strings.HasSuffix(info.Summary, "."):
		return fmt.Errorf("its summary is not one imperative line")
	case info.Risk < Read || info.Risk > Destroy:
		return fmt.Errorf("it has no risk")
	case info.Role < RoleViewer || info.Role > RoleAdmin:
		return fmt.Errorf("it has no role")
	case info.Risk > Read && !info.Audited:
		return fmt.Errorf("it changes something and is not audited")
	case info.Risk > Read && info.Role < RoleOperator:
		return fmt.Errorf("it changes something and a viewer may")
	case info.Risk == Destroy && !info.In.Implements(confirmableType):
		return fmt.Errorf("it destroys and its input carries no confirmation")
	}
	return nil
}
