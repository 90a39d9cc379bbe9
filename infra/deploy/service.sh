# shellcheck shell=bash
# Deploy Server, the lifeline: the same code with another charter, defined by plane_common in infra/manager/service.sh.

define_deploy() {
	service_begin deploy-server deploy 2 http:/healthz:3000
	svc_image=${images[deploy]}
	service_port "$port_deploy_ssh" 2222
	service_port "$port_deploy_http" 3000
	service_route "deploy.$domain" 3000
	plane_common "$matrx_root/apps/deploy/data" "$port_manager_ssh"
}
